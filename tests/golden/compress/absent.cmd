# anec two.anedsl -t m2 -o %t/a.mil && rm -r %t/weights && anec %t/a.mil --compress 'size>100=int8' --compress-report -o %t/b.mil
