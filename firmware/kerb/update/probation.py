"""What a node owes an application on trial: proof that it reaches the network, and a way back when it does not."""

import stage0
from kerb import log

TRIAL_S = 6 * 3600  # without an acknowledged record: left
PROBATION_S = 24 * 3600  # in which a crash still leads back


def judge(proven, now_s):
    """Once a clean cycle; returns the state that is reached now, or None.

    `proven`: the network acknowledged a record of this start, and the application took a sample in it. `now_s`: seconds since power-on.
    """
    s = stage0.current
    if not s.state:
        return None
    if not s.since or now_s < s.since:
        # The trial begins, hours or months after power-on; or the supply failed, and the clock began again.
        s.since = now_s or 1
        stage0.save(s)
    if s.state == stage0.IMAGE:
        from kerb.store import Store
        from kerb.update import interpreter

        return interpreter.judge(Store(stage0.ROOT), proven, now_s)
    reached = None
    if s.state == stage0.TRIAL:
        if proven:
            reached = "probation"
        elif now_s - s.since > TRIAL_S:
            stage0.abandon("silent")
    elif now_s - s.since > PROBATION_S:
        reached = "confirmed"
    if reached:
        stage0.confirm(now_s)
        log.event("update", reached, s.sequence)
    return reached
