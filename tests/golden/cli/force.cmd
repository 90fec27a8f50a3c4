# anec --force -o %t/x.mil check-op-unknown.mil && sed 1,3d check-op-unknown.mil >%t/a && sed 1,2d %t/x.mil >%t/b && wc -l <%t/b && anec -Werror=forced --force -o %t/y.mil check-op-unknown.mil; ls %t
