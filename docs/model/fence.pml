/*
 * One victim, two members that may act, one device: claim, act, read back, commit, release, with a provider whose leader changes.
 * README.md says how to run it, which rule of the code each piece stands for, what is left out, and what the -D mistakes are.
 *
 * Truth and memory are apart: `power`, `life`, `flight` and `clock` are the world; `D` is the committed domain (fence/domain), changed only by
 * the inlines named apply_*; `K[i]` is how much of it member i has applied (fence/member); walk[] is its walk (fence/operation).
 */
#ifndef FAULTS
#define FAULTS 2	/* how many things go wrong in one run, of all kinds together */
#endif
#ifndef CLAIMS
#define CLAIMS 5	/* claim numbers 1..CLAIMS, at most 5 */
#endif
#ifndef LIVES
#define LIVES 3		/* lives 0..LIVES-1 of the victim's machine */
#endif
#define BIT(n) (1 << (n))

mtype = { CLAIM, CLAIM_END, RETURNED, VERDICT, POWER_DONE}	/* kinds of entry, fence/domain/entry.go */
mtype = { absent, joining, member }					/* Node.Phase */
mtype = { idle, command, readback, proven, failed, concluded }		/* a walk */

/* ---- the world */
byte faults = FAULTS;
bit power = 1;
byte life;			/* that runs, or ran last */
bit cut;			/* hung or cut off: out of the view, and able to write */
byte flight[6];	/* what a claim has at the device: 0, 1 off, 2 on; it may take effect at any time until clock[c] is 3 */
byte aim[6];		/* the life that the claim is about */
byte clock[6];		/* since it was asked for: 1 too late to begin, 2 EndMS and the others' timer (R8), 3 and the longest effect (R9) */
bit slow[6];		/* time passes though the claim is active */

/* ---- the domain */
typedef Domain {
	bit victim; byte vlife;
	bit claimed; byte number; byte actor; bit on;	/* Victim.Claim or PowerOn.Claim; there is never both (V5) */
	byte newest;					/* NextClaim */
	bit oblig;					/* PowerOn */
	byte unquiet; byte unquietOn;			/* Unquiet, and which of them are power-ons */
	byte here;					/* the life in the view and one, 0 for none */
	mtype phase; byte last; bit before;		/* Phase, Life, and whether LifeIndex < Claim.Index */
	bit pending;					/* Pending */
	byte over;					/* Ended */
	byte verdicts					/* lives with a verdict: what is released */
};
Domain D;
byte admitted;			/* lives that were ever admitted */
byte seat[2];			/* the instance of a member's daemon in the view, 0 for none */

/* ---- the members */
byte instance[2];
bit up[2];
Domain K[2];
byte asked[2];			/* the claim number that it asked for, by its own clock */
byte begun[2];			/* claim numbers that it has begun or given up */
mtype walk[2];
byte wnumber[2]; byte wlife[2]; bit won[2];
bit saw[2];			/* a read that said off; counts only in the walk that made it */
byte released[2];

/* proposals under way, of the two members: they may be committed at any time, also after their proposer has gone, or
   never; the proposer that does not know asks again */
chan wire[2] = [1] of { mtype, byte, byte, byte };

/* ==== fence/domain: Apply */

#define QUIET(cn) clock[cn] = 3; slow[cn] = 0; aim[cn] = 0	/* it is over, and nothing more is asked about it */
#define FREE D.claimed = 0; D.number = 0; D.actor = 0; D.on = 0

inline unquieten() {		/* what the active claim sent may still be in flight (R9) */
	D.unquiet = D.unquiet | BIT(D.number);
	if :: D.on -> D.unquietOn = D.unquietOn | BIT(D.number) :: else fi;
	FREE
}

#define ENDS(x) D.over = D.over | BIT(x)

/* resolve, verdict.go: from here on the life is released, and with it every earlier one */
inline resolve() {
	ENDS(D.vlife); D.verdicts = D.verdicts | BIT(D.vlife); D.victim = 0; D.vlife = 0
}

/* settle, announce.go: a clean later life of the same machine ends the victim and is admitted when all is quiet (R2, R9) */
inline settle() {
	if
	:: D.pending && D.here != 0 && !(D.victim && D.vlife == D.last) ->
		if :: D.victim && D.claimed -> unquieten() :: else fi;
		if
#ifdef BUG_ADMIT_EARLY
		:: true ->
#else
		:: D.unquiet == 0 ->
#endif
			if :: D.victim -> resolve() :: else fi;
			D.phase = member; D.pending = 0;
			admitted = admitted | BIT(D.last);
			/* I1: nobody is admitted beside an earlier life that may still write */
			assert(!(power && life < D.last))
		:: else
		fi
	:: else
	fi
}

inline make_victim(lf) {		/* makeVictim, view.go */
	D.victim = 1; D.vlife = lf;
	if :: D.last == lf -> D.pending = 0 :: else fi;
	if
	:: D.oblig -> D.oblig = 0; if :: D.claimed -> unquieten() :: else fi
	:: else
	fi
}

inline view_without() {		/* departures, view.go */
	D.here = 0; D.pending = 0;
	if
	:: D.phase == member && !D.victim -> D.phase = absent; make_victim(D.last)
	:: else -> D.phase = absent
	fi
}

inline view_with(lf) {		/* arrivals, view.go */
	D.here = lf + 1; D.phase = joining; D.last = lf; D.before = 0;
	if
	:: D.oblig && !(D.over & BIT(lf)) -> D.oblig = 0; if :: D.claimed -> unquieten() :: else fi
	:: else
	fi
}

inline orphan(i) {		/* orphans, view.go: the actor left the view */
	if :: D.claimed && D.actor == i -> unquieten(); settle() :: else fi
}

#define PRESENT(p, inst) (seat[p] == inst)	/* present, apply.go (I4) */

inline apply_claim(by, cn, isOn) {	/* claim, claim.go (R7, R8) */
	if
	:: cn == D.newest && !D.claimed && cn <= CLAIMS &&
	   (isOn -> (D.oblig && !D.victim && D.unquiet == 0)
		  : (D.victim && !(D.pending && D.vlife != D.last)
		     && D.unquietOn == 0)) ->
		D.claimed = 1; D.number = cn; D.actor = by; D.on = isOn; D.newest++; D.before = 1;
		aim[cn] = (isOn -> D.last : D.vlife);
		/* I5: of an earlier claim only an off may be in flight */
		k = 1; do :: k < cn -> assert(flight[k] != 2); k++ :: else -> break od; k = 0
	:: else
	fi
}

inline apply_claim_end(by, cn, how) {	/* claimEnd: how 0 its actor, not quiet; 1 its actor, quiet; 2 anybody, expired */
	if
	:: D.claimed && D.number == cn && (how == 2 || D.actor == by) ->
		if :: how == 1 -> QUIET(cn); FREE :: else -> unquieten() fi;
		settle()
	:: else
	fi
}

inline apply_returned(cn) {
	QUIET(cn); D.unquiet = D.unquiet & (~BIT(cn)); D.unquietOn = D.unquietOn & (~BIT(cn)); settle()
}

inline apply_verdict(by, cn, lf, quiet) {	/* verdict, verdict.go (R6, R7, R16) */
	if
#ifdef BUG_STALE_VERDICT
	:: D.victim ->
		if :: D.claimed && !D.on -> unquieten() :: else fi;
#else
	:: D.victim && D.vlife == lf && D.claimed && !D.on && D.actor == by && D.number == cn ->
		if :: quiet -> QUIET(cn); FREE :: else -> unquieten() fi;
#endif
		resolve(); D.oblig = 1;
		if
		:: D.before ->		/* a life seen before the claim ran on the machine that was read off */
			ENDS(D.last); D.pending = 0; D.phase = absent;
			assert(!(power && life == D.last))	/* I1 */
		:: else
		fi;
		settle()
	:: else
	fi
}

inline apply_power_done(by, cn, ok, quiet) {
	if
	:: D.oblig && D.claimed && D.on && D.number == cn && D.actor == by ->
		if :: quiet -> QUIET(cn); FREE :: else -> unquieten() fi;
		if :: ok -> D.oblig = 0 :: else fi;
		settle()
	:: else
	fi
}

/* ==== what a member has applied. Member 0 may lag behind the log, be cut off or killed; member 1 applies everything at once. */

inline release(i) {		/* gate.go: on apply, behind the lease */
	if
	:: (K[i].verdicts & (~released[i])) != 0 ->
		k = 0;
		do
		:: k < LIVES ->
			if
			:: (K[i].verdicts & BIT(k)) && !(released[i] & BIT(k)) ->
				assert(!(power && life <= k))	/* I1: no write of a life after its release */
			:: else
			fi;
			k++
		:: else -> break
		od;
		k = 0;
		released[i] = released[i] | K[i].verdicts
	:: else
	fi
}

inline apply_all(i) {
	K[i].victim = D.victim; K[i].vlife = D.vlife; K[i].claimed = D.claimed; K[i].number = D.number; K[i].actor = D.actor; K[i].on = D.on;
	K[i].newest = D.newest; K[i].oblig = D.oblig; K[i].unquiet = D.unquiet; K[i].unquietOn = D.unquietOn; K[i].last = D.last;
	K[i].pending = D.pending; K[i].verdicts = D.verdicts
}

/* ==== membership: what was proposed is committed, in any order of the proposers, or lost (leader change, unknown results) */

proctype Provider(byte p) {
	mtype kind; byte inst, a, b, k;
end:	do
	:: atomic { wire[p] ? [kind, inst, a, b] ->
		if
		:: wire[p] ? kind, inst, a, b;
#ifdef BUG_NO_EPOCH
			if
			:: true ->
				assert(PRESENT(p, inst));	/* I4 */
#else
			if
			:: PRESENT(p, inst) ->
#endif
				if
				:: kind == CLAIM -> apply_claim(p, a, b)
				:: kind == CLAIM_END -> apply_claim_end(p, a, b)
				:: kind == RETURNED -> apply_returned(a)
				:: kind == VERDICT -> apply_verdict(p, a, b / 2, b % 2)
				:: kind == POWER_DONE -> apply_power_done(p, a, b / 2, b % 2)
				fi
			:: else
			fi
		:: faults > 0 -> faults--; wire[p] ? kind, inst, a, b
		fi;
		apply_all(1); release(1);
		kind = 0; inst = 0; a = 0; b = 0 }
	od
}

/* the view follows the victim's machine; its daemon announces itself clean some time after every boot */
proctype View() {
	byte k;
end:	do
	:: atomic { D.here != 0 && (cut || !power || life != D.here - 1) -> view_without(); settle(); apply_all(1); release(1) }
	:: atomic { D.here == 0 && power && !cut -> view_with(life); settle(); apply_all(1); release(1) }
	:: atomic { power && !cut && D.here == life + 1 && D.phase == joining && !D.pending && !(D.over & BIT(life)) && !(D.victim && D.vlife == life) ->
		D.pending = 1; settle(); apply_all(1); release(1) }	/* announce, announce.go (V11) */
	od
}

/* ==== the device: what is in flight takes effect, late perhaps */

proctype Device() {
	byte c;
end:	do
	:: atomic { flight[1] != 0 -> c = 1; goto land }
	:: atomic { flight[2] != 0 -> c = 2; goto land }
	:: atomic { flight[3] != 0 -> c = 3; goto land }
	:: atomic { flight[4] != 0 -> c = 4; goto land }
	:: atomic { flight[5] != 0 -> c = 5; goto land }
	od;
land:	atomic {
		if
		:: flight[c] == 1 ->
			/* I5: no effect of a claim lands on a life that was admitted after it */
			assert(!(power && life > aim[c] && (admitted & BIT(life))));
			power = 0
		:: flight[c] == 2 && !power && life < LIVES - 1 -> power = 1; life++; cut = 0
		:: else
		fi;
		flight[c] = 0; c = 0; goto end
	}
}

/* ==== time: passes for a claim once it is over, and while it is active only where something is slow */

#ifdef BUG_LATE_EFFECT
#define KEEPS(cn) 1
#else
#define KEEPS(cn) (clock[cn] < 2 || flight[cn] == 0)	/* the device keeps to the longest effect that it declared */
#endif
#define TICKS(cn) (clock[cn] < 3 && ((D.unquiet & BIT(cn)) || (slow[cn] && (clock[cn] == 0 || (D.claimed && D.number == cn)))) && KEEPS(cn))

proctype Time() {
end:	do
	:: atomic { TICKS(1) -> clock[1]++ }
	:: atomic { TICKS(2) -> clock[2]++ }
	:: atomic { TICKS(3) -> clock[3]++ }
	:: atomic { TICKS(4) -> clock[4]++ }
	:: atomic { TICKS(5) -> clock[5]++ }
	od
}

/* ==== fence/member */

#define DIFFERS(i) (K[i].victim != D.victim || K[i].vlife != D.vlife || K[i].claimed != D.claimed || K[i].number != D.number || K[i].actor != D.actor || \
	K[i].on != D.on || K[i].newest != D.newest || K[i].oblig != D.oblig || K[i].unquiet != D.unquiet || K[i].unquietOn != D.unquietOn || \
	K[i].last != D.last || K[i].pending != D.pending || K[i].verdicts != D.verdicts)

/* the log reaches a member late: it has applied the domain as of some index */
proctype Log(byte i) {
	byte k;
end:	do
	:: atomic { up[i] && seat[i] == instance[i] && DIFFERS(i) -> apply_all(i); release(i) }
	od
}

#define MINE(i) (K[i].claimed && K[i].actor == i)
#define ASK(i) (up[i] && empty(wire[i]))

proctype Member(byte i) {
	byte c;
end:	do
	/* claims.go */
	:: atomic { ASK(i) && !K[i].claimed && K[i].newest <= CLAIMS && asked[i] != K[i].newest && clock[K[i].newest] == 0 &&
#ifdef BUG_NEVER_AGAIN
		    K[i].newest == 1 &&
#endif
		    ((K[i].victim && !(K[i].pending && K[i].vlife != K[i].last) && K[i].unquietOn == 0) ||
		     (!K[i].victim && K[i].oblig && K[i].unquiet == 0)) ->
		asked[i] = K[i].newest; wire[i] ! CLAIM, instance[i], K[i].newest, !K[i].victim }
	/* a question whose fate is unknown is asked again */
	:: atomic { ASK(i) && !K[i].claimed && asked[i] != 0 && asked[i] == K[i].newest && !DIFFERS(i) && (K[i].victim || K[i].oblig) -> asked[i] = 0 }
	/* operations.go, begin: only a claim that this daemon asked for just now (R9) */
	:: atomic { up[i] && MINE(i) && !(begun[i] & BIT(K[i].number)) ->
		begun[i] = begun[i] | BIT(K[i].number);
		wnumber[i] = K[i].number; wlife[i] = K[i].vlife; won[i] = K[i].on;
#ifndef BUG_STALE_READ
		saw[i] = 0;
#endif
		if
#ifdef BUG_NO_DEADLINE
		:: true -> walk[i] = command
#else
		:: clock[wnumber[i]] == 0 && asked[i] == wnumber[i] -> walk[i] = command
		:: else -> walk[i] = failed
#endif
		fi }
	/* the claim is not in force any more, as far as this member knows */
	:: atomic { walk[i] != idle && !(MINE(i) && K[i].number == wnumber[i]) -> walk[i] = idle; wnumber[i] = 0; wlife[i] = 0; won[i] = 0 }
	/* conclude: the verdict, or the end of the claim; again where its fate is unknown */
	:: atomic { ASK(i) && walk[i] == proven && MINE(i) && K[i].number == wnumber[i] && !won[i] ->
		wire[i] ! VERDICT, instance[i], wnumber[i], wlife[i] * 2 + (flight[wnumber[i]] == 0) }
	:: atomic { ASK(i) && walk[i] == proven && MINE(i) && K[i].number == wnumber[i] && won[i] ->
		wire[i] ! POWER_DONE, instance[i], wnumber[i], 2 + (flight[wnumber[i]] == 0) }
	:: atomic { ASK(i) && walk[i] == failed && MINE(i) && K[i].number == wnumber[i] && !won[i] ->
		wire[i] ! CLAIM_END, instance[i], wnumber[i], (flight[wnumber[i]] == 0) }
	:: atomic { ASK(i) && walk[i] == failed && MINE(i) && K[i].number == wnumber[i] && won[i] ->
		wire[i] ! POWER_DONE, instance[i], wnumber[i], (flight[wnumber[i]] == 0) }
	/* quiesce, claims.go: anybody by time (R8, R9), the actor when its calls are over */
	:: atomic { ASK(i) && K[i].claimed && clock[K[i].number] >= 2 -> wire[i] ! CLAIM_END, instance[i], K[i].number, 2 }
	:: atomic { ASK(i) && K[i].unquiet != 0 -> c = 1;
		do
		:: c <= CLAIMS ->
			if
#ifdef BUG_ELAPSED_EARLY
			:: (K[i].unquiet & BIT(c)) && clock[c] >= 2 ->
#else
			:: (K[i].unquiet & BIT(c)) && clock[c] == 3 ->
#endif
				wire[i] ! RETURNED, instance[i], c, 0; break
			:: else -> c++
			fi
		:: else -> break
		od;
		c = 0 }
	od
}

#ifdef BUG_NO_DEADLINE
#define IN_TIME(i) 1
#else
#define IN_TIME(i) (clock[wnumber[i]] < 2)
#endif

/* fence/operation: off (or on), then the state is read back; nothing is asked after EndMS */
proctype Walk(byte i) {
end:	do
	:: atomic { up[i] && walk[i] == command && IN_TIME(i) -> flight[wnumber[i]] = 1 + won[i]; walk[i] = readback
#ifdef BUG_NO_READBACK
		; if :: !won[i] -> walk[i] = proven :: else fi
#endif
	}
	:: atomic { up[i] && walk[i] == command && faults > 0 -> faults--; slow[wnumber[i]] = 1; walk[i] = readback }	/* accepted, and nothing is done */
	:: atomic { up[i] && walk[i] == command && faults > 0 -> faults--; walk[i] = failed }
	:: atomic { up[i] && walk[i] == readback && IN_TIME(i) && (power == won[i]
#ifdef BUG_STALE_READ
			|| (saw[i] && !won[i])
#endif
		) -> saw[i] = !won[i]; walk[i] = proven
#ifdef BUG_RELEASE_BEFORE_COMMIT
		; if :: !won[i] -> assert(D.over & BIT(wlife[i])) :: else fi	/* R6: others may still power-cycle what was released */
#endif
	}
	:: atomic { up[i] && (walk[i] == command || walk[i] == readback) && !IN_TIME(i) -> walk[i] = failed }
	od
}

/* ==== faults: as many as FAULTS, at any time */

inline leaves(i) { seat[i] = 0; orphan(i); apply_all(1); release(1) }

proctype Faults() {
	byte k;
end:	do
	:: atomic { faults > 0 && power && !cut -> faults--; cut = 1 }				/* it hangs, or its network is gone */
	:: atomic { faults > 0 && power && life < LIVES - 1 -> faults--; life++; cut = 0 }	/* somebody resets it */
	:: atomic { faults > 0 && power -> faults--; power = 0 }
	:: atomic { faults > 0 && !power && life < LIVES - 1 -> faults--; power = 1; life++; cut = 0 }	/* somebody switches it on */
	:: atomic { faults > 0 && D.here != 0 && !D.victim && !(D.over & BIT(D.last)) -> faults--;	/* somebody asks for its end (R29) */
		make_victim(D.last); if :: D.phase == member -> D.phase = absent :: else fi; apply_all(1) }
	:: atomic { faults > 0 && D.claimed && !slow[D.number] -> faults--; slow[D.number] = 1 }	/* an actor that stalls */
	:: atomic { faults > 0 && seat[0] != 0 && seat[1] != 0 -> faults--; leaves(0) }		/* an actor cut off: it goes on, for a while */
	:: atomic { faults > 0 && seat[0] != 0 && seat[1] != 0 -> faults--; leaves(0); up[0] = 0 }	/* or killed */
	:: break
	od
}

proctype Return() {	/* who was cut off is back; who was killed is started again, as another instance that knows nothing */
end:	do
	:: atomic { seat[0] == 0 && up[0] -> seat[0] = instance[0] }
	:: atomic { seat[0] == 0 && !up[0] -> up[0] = 1; instance[0]++; seat[0] = instance[0];
		walk[0] = idle; wnumber[0] = 0; wlife[0] = 0; won[0] = 0; asked[0] = 0; begun[0] = 0; saw[0] = 0; apply_all(0) }
	od
}

init {
	atomic {
		D.newest = 1; D.here = 1; D.phase = member; admitted = 1;
		instance[0] = 1; instance[1] = 1; seat[0] = 1; seat[1] = 1; up[0] = 1; up[1] = 1;
		walk[0] = idle; walk[1] = idle;
		apply_all(0); apply_all(1);
		/* it fails: whatever else happens comes on top of that */
		cut = 1;
		run Provider(0); run Provider(1); run View(); run Device(); run Time();
		run Log(0); run Member(0); run Member(1); run Walk(0); run Walk(1); run Faults(); run Return()
	}
}

/* I2: while a member acts and the device works in the end, every victim is resolved. Claim numbers are bounded here, so only while there are some. */
#define open (D.victim && D.newest <= CLAIMS)
ltl resolved { [] (open -> <> !open) }
