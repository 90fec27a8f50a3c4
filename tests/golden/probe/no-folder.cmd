# TMPDIR=/nowhere aneprobe --backend sim:m1 2>&1 | sed "s,probe[.][A-Za-z0-9]*,probe.X,"
