from kerb import early

early.look_around()

from kerb.node import main  # noqa: E402

main()
