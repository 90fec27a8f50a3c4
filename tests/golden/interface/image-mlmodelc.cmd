# for m in image image-sizes image-range classify predicted optional; do
    echo "$m" && anec -q $m.mil -o %t/$m.mlmodelc && tr -d '\n\t' < %t/$m.mlmodelc/metadata.json | grep -o '"inputSchema.*"stateSchema"' | sed 's/}, *{/},\n{/g; s/,"/, "/g' &&
        anerun --describe %t/$m.mlmodelc
done
