# Stage 0, second half: an application that cannot even be imported is left again at once.
try:
    from kerb import early

    early.look_around()

    from kerb.node import main
except Exception as error:
    import sys

    sys.print_exception(error)
    if "stage0" in sys.modules:
        import stage0

        stage0.abandon("import")
    raise

main()
