# ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m1 aneprobe --first-run --only classes,chip,keys,compile,refusal,files,layout,ports,rows,result,unloaded,reload,unloading-twice,width-slice,io-fp32,sqrt -o %t/r.json | sed "s,/.*/r.json,r.json," && grep -c '"verdict"' %t/r.json && grep -E '"(report|then)"' %t/r.json; grep -c "$HOME/" %t/r.json; ls ${TMPDIR:-/tmp} | grep -c '^anec[.].*first'
# exit: 1
