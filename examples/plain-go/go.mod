module github.com/temps-plugin/temps-plugin/examples/plain-go

go 1.21
