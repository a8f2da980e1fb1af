#!/bin/sh
# Removes Updraft: its entry in the applications menu, and what it brought into the folder this file lies in.
# Chats, models and settings stay, and so does everything else in that folder.
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")
id=org.updraft.Updraft
share=${XDG_DATA_HOME:-$HOME/.local/share}

for part in updraft program python; do
    if [ ! -e "$here/$part" ]; then
        echo "Updraft: $here is not where Updraft was unpacked." >&2
        echo "  Hint: Run the uninstall.sh that lies beside the program." >&2
        exit 1
    fi
done

rm -f -- "$share/applications/$id.desktop"
rm -f -- "$share"/icons/hicolor/*/apps/"$id".*
update-desktop-database "$share/applications" 2>/dev/null || :
cd /
for part in updraft program python share LICENSE install.sh uninstall.sh; do
    rm -rf -- "${here:?}/$part"
done
if rmdir -- "$here" 2>/dev/null; then
    echo "Updraft is removed."
else
    echo "Updraft is removed. There are other files in $here, which stay."
fi

said=
keep() {
    if [ -d "$2" ]; then
        [ -n "$said" ] || echo "What is yours stays; delete it if you want nothing to be kept:"
        said=yes
        echo "  $1 $2"
    fi
}
keep "chats and models:" "$share/Updraft"
keep "settings:        " "${XDG_CONFIG_HOME:-$HOME/.config}/Updraft"
keep "log:             " "${XDG_STATE_HOME:-$HOME/.local/state}/Updraft"
keep "compiled kernels:" "${XDG_CACHE_HOME:-$HOME/.cache}/updraft"
