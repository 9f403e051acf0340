# Stage 0: puts the folder of the application that is to start in front of the path. Without a selector, or with a stage 0 that cannot do
# its work, that is the factory's, which was flashed and which no update writes to.
import os

try:
    os.stat("/slots/selector")
except OSError:
    pass
else:
    try:
        import stage0

        stage0.choose()
    except Exception as error:
        print("kerb fault stage0", type(error).__name__, error)
        if isinstance(error, ValueError):
            # Another .mpy format than that of these files: the interpreter is on trial, and a reset ends that.
            import time

            import machine

            time.sleep(60)
            machine.reset()
