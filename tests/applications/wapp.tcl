# A stand-in for Wapp (https://wapp.tcl.tk), as far as it speaks SCGI: what the recipe in the README uses of it. Like Wapp
# it takes for granted that the parameters arrive at one go, and answers with a status line.

proc wapp-param {name {default {}}} {
    return [expr {[dict exists $::wapp $name] ? [dict get $::wapp $name] : $default}]
}

proc wapp-subst {text} {
    regsub -all {%html\(([^)]*\])\)} $text {[escaped \1]} text
    dict append ::wapp .reply [uplevel 1 [list subst -novariables $text]]
}

proc escaped {text} {
    return [string map {& &amp; < &lt; > &gt; \" &quot;} $text]
}

proc connected {channel host port} {
    fconfigure $channel -blocking 0 -translation binary
    fileevent $channel readable [list readable $channel {}]
}

# Parameters first, then as much of a body as they announce.
proc readable {channel params} {
    if {$params eq {}} {
        scan [read $channel 15] %d:%s length begin
        set rest [expr {$length + [string length "$length:,"] - 15}]
        foreach {name value} [split $begin[read $channel $rest] \0] {
            if {$name eq ","} break
            dict set params $name $value
        }
        dict set params .left [dict get $params CONTENT_LENGTH]
        fileevent $channel readable [list readable $channel $params]
    } else {
        set piece [read $channel [dict get $params .left]]
        dict incr params .left -[string length $piece]
        fileevent $channel readable [list readable $channel $params]
    }
    if {[dict get $params .left] <= 0} {
        answer $channel $params
    }
}

proc answer {channel params} {
    set ::wapp $params
    dict set ::wapp .reply {}
    wapp-default
    set reply [encoding convertto utf-8 [dict get $::wapp .reply]]
    puts $channel "HTTP/1.1 200 Ok\r\nServer: wapp\r\nConnection: close\r"
    puts $channel "Content-Type: text/html; charset=utf-8\r\nContent-Length: [string length $reply]\r\n\r"
    puts -nonewline $channel $reply
    close $channel
}

proc wapp-start {arguments} {
    if {[lindex $arguments 0] ne "--scgi"} {
        error "unknown option: [lindex $arguments 0]"
    }
    socket -server connected -myaddr 127.0.0.1 [lindex $arguments 1]
    vwait forever
}
