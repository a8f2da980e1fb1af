#!/bin/sh
# Adds Updraft to your applications menu, from the folder this file lies in; no password is needed.
#
#   ./install.sh            after unpacking, and again after moving the folder
#   ./install.sh --remove   takes it out of the menu; uninstall.sh removes the program as well
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")
share=${XDG_DATA_HOME:-$HOME/.local/share}
config=${XDG_CONFIG_HOME:-$HOME/.config}
id=org.updraft.Updraft

case "${1-}" in
    "") ;;
    --remove)
        rm -f -- "$share/applications/$id.desktop"
        for icon in "$here"/share/icons/hicolor/*/apps/"$id".*; do
            rm -f -- "$share/icons/hicolor/${icon#"$here/share/icons/hicolor/"}"
        done
        echo "Updraft is no longer in the menu. To remove the program, run $here/uninstall.sh"
        echo "Your chats and models stay in $share/Updraft, your settings in $config/Updraft."
        exit 0
        ;;
    *)
        echo "usage: install.sh [--remove]" >&2
        exit 2
        ;;
esac

# In Exec= the path stands in quotes, in which \ " $ and the backtick are written with a backslash; each backslash is
# doubled once more, as in every value of such a file, and a % is doubled.
quoted=$(printf '%s' "$here/updraft" | sed -e 's/[\\"$`]/\\&/g' -e 's/\\/\\\\/g' -e 's/%/%%/g')
mkdir -p -- "$share/applications"
while IFS= read -r line; do
    case "$line" in
        Exec=*) printf 'Exec="%s"%s\n' "$quoted" "${line#Exec=updraft}" ;;
        *) printf '%s\n' "$line" ;;
    esac
done <"$here/share/applications/$id.desktop" >"$share/applications/$id.desktop"
for icon in "$here"/share/icons/hicolor/*/apps/"$id".*; do
    place=$share/icons/hicolor/${icon#"$here/share/icons/hicolor/"}
    mkdir -p -- "$(dirname -- "$place")"
    cp -- "$icon" "$place"
done
update-desktop-database "$share/applications" 2>/dev/null || :
echo "Updraft is in your applications menu."
