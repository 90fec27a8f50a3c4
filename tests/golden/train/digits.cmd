# cd ../../../examples/digits && anetrain -q train.anedsl --data test_images.npy,test_labels.npy --epochs 1 --steps 3 --lr 6e-3 --set batch=8 -b ref -o %t/run && cut -d, -f1-2,4 %t/run/log.csv
