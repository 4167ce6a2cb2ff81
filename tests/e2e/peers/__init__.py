# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs around Postseal, for the end-to-end tests and for quickstart.

Python's standard library only, and openssl as a program: quickstart runs with that.
"""
