"""`python -m classmark` is `classmark`."""

from classmark.cli import main

if __name__ == "__main__":
    main()
