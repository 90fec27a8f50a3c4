# anec --explain C29 && anec --explain width-slice --target m4 && anec --explain cos
