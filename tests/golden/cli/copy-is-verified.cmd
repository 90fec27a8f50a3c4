# anec -o %t/x.mil check-op-unknown.mil; ls %t
