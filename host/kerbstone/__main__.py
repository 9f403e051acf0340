"""`python -m kerbstone`."""

from kerbstone.cli import main

if __name__ == "__main__":
    main()
