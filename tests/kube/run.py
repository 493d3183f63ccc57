"""Runs the whole API conformance suite: python3 tests/kube/run.py [-v] [module.Class.test ...]"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import conformance  # noqa: E402


def main():
    verbosity = 2 if "-v" in sys.argv[1:] else 1
    chosen = [argument for argument in sys.argv[1:] if argument != "-v"]
    loader = unittest.TestLoader()
    here = str(pathlib.Path(__file__).parent)
    suite = loader.loadTestsFromNames(chosen) if chosen else loader.discover(here, pattern="*_test.py", top_level_dir=here)
    try:
        result = unittest.TextTestRunner(verbosity=verbosity).run(suite)
    finally:
        conformance.close_target()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
