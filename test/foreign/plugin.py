"""fenced-plugin-paper: a plugin of fenced in Python, made from plugin.proto and docs/reference/plugin-protocol.md alone.

Its devices are directories: a target is a file that holds "on" or "off". It exists to prove that the protocol is enough for another language,
and to be copied: replace Paper by your device. It needs Debian's python3-grpcio, python3-protobuf and python3-cryptography, and plugin_pb2,
which `protoc --python_out` makes of the proto.
"""

import base64
import concurrent.futures
import datetime
import os
import signal
import sys
import time

NAME, VERSION, SUMMARY = "paper", "1.0.0", "power made of files, from Python"
PROTOCOLS = [1]
SERVICE = "fenced.plugin.v1.FencePlugin"
MAX_MESSAGE = 1 << 20
KNOBS = ["none", "lie", "hang", "limbo", "auth", "fail"]
OPTIONS = [
    dict(name="dir", type="string", required=True, mapping=True, help="directory that holds a file for each target"),
    dict(name="settle_files", type="int", default="0", help="milliseconds to wait before a file is read"),
    dict(name="password", type="string", secret=True, help="is taken and not needed"),
    dict(name="knob", type="enum", values=KNOBS, default="none", help="a way to misbehave, for tests"),
]


class Failed(Exception):
    """A call that did not succeed: one of the classes of the protocol, and a reason."""

    def __init__(self, failure_class, text):
        super().__init__(text)
        self.failure_class = failure_class


def left(deadline_ms):
    """Seconds until a deadline, which is an instant of CLOCK_BOOTTIME. A request that is read after it must not touch the device."""
    if deadline_ms == 0:
        return 60.0
    seconds = deadline_ms / 1000 - time.clock_gettime(time.CLOCK_BOOTTIME)
    if seconds <= 0:
        raise Failed("timeout", "the request was read after its deadline and dropped")
    return seconds


def checked(options):
    """The options of a device, completed and judged by OPTIONS."""
    for name in options:
        if name not in [o["name"] for o in OPTIONS]:
            raise Failed("refused", "unknown option %r" % name)
    values = {}
    for o in OPTIONS:
        name, value = o["name"], options.get(o["name"], o.get("default", ""))
        if o.get("required") and not value:
            raise Failed("refused", "option %s is required" % name)
        if o["type"] == "int" and not value.isascii() or o["type"] == "int" and not value.isdigit():
            raise Failed("refused", "option %s must be a whole number" % name)
        if o["type"] == "enum" and value not in o["values"]:
            raise Failed("refused", "option %s must be one of %s" % (name, ", ".join(o["values"])))
        values[name] = value
    return values


class Paper:
    """One device. Every method may be called from several threads at once."""

    def __init__(self, options):
        self.dir, self.knob, self.wait = options["dir"], options["knob"], int(options["settle_files"]) / 1000

    def path(self, target):
        if not target or "/" in target or target.startswith("."):
            raise Failed("refused", "%r is no target" % target)
        return os.path.join(self.dir, target)

    def misbehave(self, seconds):
        if self.knob == "hang":
            time.sleep(seconds)
            raise Failed("timeout", "the device did not answer")
        for knob, failure_class in (("limbo", "limbo"), ("auth", "auth"), ("fail", "refused")):
            if self.knob == knob:
                raise Failed(failure_class, "told to")

    def status(self, target, seconds):
        self.misbehave(seconds)
        time.sleep(min(self.wait, seconds))
        try:
            with open(self.path(target)) as f:
                state = f.read(64).strip()
        except OSError as e:
            raise Failed("unreachable", str(e))
        return state if state in ("on", "off") else "unknown"

    def do(self, target, action, seconds):
        if action not in ("on", "off"):
            raise Failed("unsupported", "this plugin does not know the action %r" % action)
        self.misbehave(seconds)
        path = self.path(target)
        if not os.path.exists(path):
            raise Failed("refused", "there is no target %s" % target)
        if self.knob == "lie":
            return
        with open(path + ".new", "w") as f:
            f.write(action)
        os.replace(path + ".new", path)

    def list(self):
        return sorted(n for n in os.listdir(self.dir) if "." not in n)


def describe(pb):
    return pb.DescribeResponse(
        name=NAME, version=VERSION, protocol_versions=PROTOCOLS, summary=SUMMARY, kind="power", actions=["off", "on"],
        effect_ms=1000, settle_ms=10, limit=32, options=[pb.Option(**o) for o in OPTIONS],
        sample="plugin: paper\nkind: power\ndir: /path/to/a/directory\n")


class Plugin:
    """The methods of the service, by name: request in, answer out. A failure of a device is in the answer and never an error of gRPC."""

    def __init__(self, pb):
        self.pb, self.devices = pb, {}

    def device(self, r):
        try:
            return self.devices[r.device]
        except KeyError:
            raise Failed("refused", "device %r is not open" % r.device)

    def Describe(self, r):
        return describe(self.pb)

    def Open(self, r):
        left(r.deadline_ms)
        self.devices[r.device] = Paper(checked(r.options))
        return self.pb.OpenResponse()

    def Close(self, r):
        self.devices.pop(r.device, None)
        return self.pb.CloseResponse()

    def Status(self, r):
        return self.pb.StatusResponse(state=self.device(r).status(r.target, left(r.deadline_ms)))

    def Do(self, r):
        self.device(r).do(r.target, r.action, left(r.deadline_ms))
        return self.pb.DoResponse()

    def List(self, r):
        left(r.deadline_ms)
        return self.pb.ListResponse(targets=[self.pb.Target(id=n) for n in self.device(r).list()])

    def Probe(self, r):
        self.device(r).status(r.target, left(r.deadline_ms))
        return self.pb.ProbeResponse(reachable=True)

    def handler(self, name):
        import grpc

        request, response = getattr(self.pb, name + "Request"), getattr(self.pb, name + "Response")

        def call(r, context):
            try:
                return getattr(self, name)(r)
            except Failed as e:
                return response(failure=self.pb.Failure(**{"class": e.failure_class, "text": str(e)[:500]}))

        return grpc.unary_unary_rpc_method_handler(call, request_deserializer=request.FromString, response_serializer=response.SerializeToString)


def identity():
    """A key and a certificate for localhost that sign themselves: the other side trusts exactly the certificate that it read."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret, certificate.public_bytes(serialization.Encoding.PEM), certificate.public_bytes(serialization.Encoding.DER)


def serve():
    import grpc
    import plugin_pb2 as pb

    theirs = [int(v) for v in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "1").split(",")]
    common = [v for v in PROTOCOLS if v in theirs]
    if not common:
        sys.exit("this plugin speaks the protocol versions %s, the host %s" % (PROTOCOLS, theirs))
    key, pem, der = identity()
    credentials = grpc.ssl_server_credentials([(key, pem)], root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(), require_client_auth=True)
    plugin = Plugin(pb)
    methods = [m.name for m in pb.DESCRIPTOR.services_by_name["FencePlugin"].methods]
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=64),
        options=[("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {n: plugin.handler(n) for n in methods}),))
    path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "plugin")
    server.add_secure_port("unix:" + path, credentials)
    server.start()
    print("1|%d|unix|%s|grpc|%s" % (max(common), path, base64.b64encode(der).decode().rstrip("=")), flush=True)
    signal.pause()


def main():
    argument = " ".join(sys.argv[1:])
    if argument == "--describe":
        print("%s %s: %s" % (NAME, VERSION, SUMMARY))
        for o in OPTIONS:
            print("  %s  %s" % (o["name"], o["help"]))
    elif argument or os.environ.get("FENCED_PLUGIN") != "fenced.plugin.v1":
        sys.exit("this is a plugin of fenced, which starts it by itself; by hand it knows --describe")
    else:
        serve()


main()
