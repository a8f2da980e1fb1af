#!/bin/sh
# Starts Updraft from wherever Updraft.app lies. NOT RUN YET: no Mac was at hand.
set -eu
here=$(cd -- "$(dirname -- "$0")/../Resources" && pwd -P)
unset QT_PLUGIN_PATH QT_QPA_PLATFORM_PLUGIN_PATH PYTHONHOME PYTHONPATH PYTHONSAFEPATH
module=app
case "${1-}" in
    ask | chat | bench | teach | models) module=engine ;;
esac
exec "$here/python/bin/python3.11" -I -B -m "$module" "$@"
