# sh ./all.sh < all-legal.list
