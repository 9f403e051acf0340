from kerb.node import main

main()
