document.title = "Your Plugin";
