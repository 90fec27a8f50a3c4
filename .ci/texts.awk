# texts.awk -- the header of a folder's texts, FOLDER/NAME.mil each, which the Makefile writes as arrays:
#
#   FOLDER_NAME         the text, with _ for what no name in C may have
#   FOLDER_TEXTS(X)     X(NAME) for each
#   FOLDER_RULE         of RULE.bad.mil, RULE.ok.mil, RULE.2.bad.mil ..: the pairs, and RULE.alone.mil, as the fields
#                       of a Rule (ir/targets/rules.h); one of a pair without the other is an error
#
# usage: awk -v folder=NAME -f texts.awk, a file name a line
{
    name = $0
    sub(/.*\//, "", name)
    sub(/\.mil$/, "", name)
    n = split(name, part, ".")
    gsub(/[.-]/, "_", name)
    print "extern const char " folder "_" name "[];"
    all = all " X(" name ")"
    if (n == 1) next
    rule = part[1]
    gsub(/-/, "_", rule)
    seen[rule] = 1
    pair = name
    sub(/_[a-z]*$/, "", pair)
    if (part[n] == "alone") alone[rule] = folder "_" name
    else { kinds[pair] = kinds[pair] part[n]; of[pair] = rule }
    if (part[n] == "bad") pairs[rule] = pairs[rule] "{ " folder "_" pair "_bad, " folder "_" pair "_ok }, "
}
END {
    print "#define " folder "_TEXTS(X)" all
    for (p in kinds)
        if (kinds[p] != "badok" && kinds[p] != "okbad") {
            print folder "/" p ": programs that break and that keep " of[p] " come in pairs" >"/dev/stderr"
            exit 1
        }
    for (r in seen) {
        if (r in alone) pairs[r] = pairs[r]
        print "#define " folder "_" r " .alone = " (r in alone ? alone[r] : "NULL") ", .programs = { " pairs[r] "{ NULL, NULL } }"
        print "_Static_assert(RULE_" r " >= 0, \"programs of a rule\");"
    }
}
