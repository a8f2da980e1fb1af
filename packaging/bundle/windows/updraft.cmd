@rem In a terminal: updraft ask "Why is the sky blue?"; likewise chat, bench, teach and models.
@"%~dp0python\python.exe" -I -B -m engine %*
