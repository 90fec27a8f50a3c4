# cd %t && printf 'PK\003\004..' >model.mlpackage.zip && cp model.mlpackage.zip a.mil && anec a.mil; anerun model.mlpackage.zip
# exit: 1
