# sh ./all.sh < all-passes.list
