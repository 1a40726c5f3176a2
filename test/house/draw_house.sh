#!/bin/bash
# draw_house.sh [--svg | --dot] [ROOT] - the include graph as a picture, on standard output.
#
# Rooms are boxes, floors are rows, includes are arrows. A room is a header with its source file.
# Every arrow should fall: one that climbs is red. Arrows to the ground floor are left out of the
# picture, because every room has them; --dot has them all, for graphviz.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/house.sh"
kind=svg
case ${1:-} in
    --svg | --dot) kind=${1#--} && shift ;;
    -*) echo "usage: draw_house.sh [--svg | --dot] [ROOT]" >&2 && exit 2 ;;
esac
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}

# list_rooms: "floor room", the street first.
list_rooms() {
    {
        list_files include '*.h' '*.h.in' | sed -E 's|include/(.*)\.h(\.in)?$|street \1|'
        list_files libdbio '*.c' '*.h' | sed -E 's|libdbio/([^/]+)/([^/]+)\.[ch]$|\1 \2|'
    } | sort -u
}

# list_arrows: "from to", rooms by name.
list_arrows() {
    local files
    mapfile -t files < <(list_files include '*.h' '*.h.in' && list_files libdbio '*.c' '*.h')
    list_includes "${files[@]}" |
        sed -nE 's/^([^:]*\/)?([^:\/]+)\.(c|h|h\.in):[0-9]+:"([^"]*\/)?([^"\/]+)\.h"$/\2 \5/p' |
        awk '$1 != $2' | sort -u
}

draw_dot() {
    echo "digraph house { rankdir=TB; node [shape=box];"
    list_rooms | awk '
        $1 != floor { if (floor) print "  }"; floor = $1
                      printf "  subgraph cluster_%s { label=\"%s\";\n", floor, floor }
        { printf "    %s;\n", $2 }
        END { print "  }" }'
    list_arrows | awk '{ printf "  %s -> %s;\n", $1, $2 }'
    echo "}"
}

# Where each room stands: the first half of the drawing program.
place_rooms='
        # os and core stand side by side: neither may know the other.
        function place_rooms(    i, j, n, names, floor, y, right, columns, column) {
            y = top
            for (i = 1; i <= count; i++) {
                floor = floors[i]
                n = split(members[floor], names, " ")
                if (!n) continue
                right = floor == "os" && ("core" in begin_y)
                if (right) y = begin_y["core"]
                begin_y[floor] = y
                columns = floor ~ /core|os/ ? 4 : across
                for (j = 0; j < n; j++) {
                    column = j % columns + (right ? 5 : 0)
                    x_of[names[j + 1]] = left + column * (width + gap_x)
                    y_of[names[j + 1]] = y + int(j / columns) * (height + 12)
                    bottom = max(bottom, y_of[names[j + 1]])
                }
                if (floor != "core" || !("os" in members)) y = bottom + height + gap_y
            }
        }
        function max(a, b) { return a > b ? a : b }
'

draw_svg() {
    { list_rooms | sed 's/^/room /' && list_arrows | sed 's/^/arrow /'; } | awk "$place_rooms"'
        BEGIN {
            count = split("street api engine backend core os base", floors, " ")
            left = 90; width = 104; height = 26; gap_x = 12; gap_y = 64; across = 9; top = 30
        }
        $1 == "room" { members[$2] = members[$2] " " $3; floor_of[$3] = $2 }
        $1 == "arrow" { from[++arrows] = $2; to[arrows] = $3 }
        END { place_rooms(); draw_head(); draw_floors(); draw_arrows(); print "</svg>" }

        function draw_head() {
            printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" ",
                left + across * (width + gap_x), bottom + height + top
            print "font-family=\"sans-serif\" font-size=\"11\">"
            print "<defs><marker id=\"tip\" markerWidth=\"7\" markerHeight=\"7\" refX=\"6\" refY=\"3\""
            print " orient=\"auto\"><path d=\"M0,0L7,3L0,6z\" fill=\"#456\"/></marker></defs>"
            print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
        }
        function draw_floors(    i, room) {
            for (i = 1; i <= count; i++)
                if (floors[i] in begin_y)
                    printf "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n",
                        floors[i] == "os" ? left + 5 * (width + gap_x) - 24 : 12,
                        begin_y[floors[i]] + 17, floors[i]
            for (room in x_of) {
                printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\" ",
                    x_of[room], y_of[room], width, height
                print "fill=\"#eef3f8\" stroke=\"#456\"/>"
                printf "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                    x_of[room] + width / 2, y_of[room] + 17, room
            }
        }
        # The plain types of the street may be used inside; any other arrow upwards is a mistake.
        function colour(a, b, down) {
            if (floor_of[b] == "street") return "#9ab"
            return down || y_of[a] == y_of[b] || floor_of[a] == floor_of[b] ? "#456" : "#c22"
        }
        function draw_arrows(    i, a, b, down) {
            for (i = 1; i <= arrows; i++) {
                a = from[i]; b = to[i]
                if (floor_of[b] == "base" || !(a in x_of) || !(b in x_of)) continue
                down = y_of[b] > y_of[a]
                printf "<path d=\"M%d,%dL%d,%d\" stroke=\"%s\" stroke-width=\"0.8\" ",
                    x_of[a] + width / 2, y_of[a] + (down ? height : 0),
                    x_of[b] + width / 2, y_of[b] + (down ? 0 : height),
                    colour(a, b, down)
                print "stroke-opacity=\"0.6\" fill=\"none\" marker-end=\"url(#tip)\"/>"
            }
        }'
}

"draw_$kind"
