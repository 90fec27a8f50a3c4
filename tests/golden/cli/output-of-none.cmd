# for how in '--check' '--emit tokens' '--emit ast'; do echo "== $how" >&2; anec $how -o %t/out.mil ../lang/emit-ast.anedsl >/dev/null; done; ls %t
