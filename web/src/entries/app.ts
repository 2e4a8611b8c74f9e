import "../../styles/app.css";
