package htpasswd

// Nobody is the hash that an unknown name's password is compared with.
var Nobody = nobody
