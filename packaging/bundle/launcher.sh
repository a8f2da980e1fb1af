#!/bin/sh
# Starts Updraft from the folder this file lies in, by the Python beside it. Needs no other Python, no variable, and
# nothing to be written here.
#
#   updraft                    the window
#   updraft ask "a question"   an answer in the terminal; likewise chat, bench, teach and models
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")

# Another Qt's plugins would be loaded into ours; our children are Pythons too, and must not find other packages.
unset QT_PLUGIN_PATH QT_QPA_PLATFORM_PLUGIN_PATH PYTHONHOME PYTHONPATH PYTHONSAFEPATH

module=app
case "${1-}" in
    ask | chat | bench | teach | models) module=engine ;;
    *)
        if [ -z "${DISPLAY-}${WAYLAND_DISPLAY-}${QT_QPA_PLATFORM-}" ]; then
            case "${1-}" in
                -h | --help | --version) ;;
                *)
                    echo "Updraft: There is no display here to show a window on." >&2
                    echo '  Hint: Ask in the terminal instead: updraft ask "Why is the sky blue?"' >&2
                    exit 1
                    ;;
            esac
        fi
        ;;
esac

# -I: the person's variables, packages and folder are none of ours; -B: nothing is written here.
exec "$here/python/bin/python3.11" -I -B -m "$module" "$@"
