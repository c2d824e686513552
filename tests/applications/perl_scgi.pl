# The test application (see common_app.py) for Perl's SCGI module, whose parser wants CONTENT_LENGTH first and a last
# parameter that is not empty. Answers without Status, with bare line feeds.
use strict;
use warnings;

use Digest::SHA;
use IO::Socket::INET;
use SCGI;

my ($port) = @ARGV;
my $socket = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1, LocalAddr => '127.0.0.1', LocalPort => $port)
    or die "cannot listen on port $port: $!";
my $scgi = SCGI->new($socket, blocking => 1);
local $SIG{PIPE} = 'IGNORE';

while (my $request = $scgi->accept) {
    # A connection that ends before its parameters must not end the server.
    next unless eval { $request->read_env; 1 };
    eval { answer($request) };
    warn $@ if $@;
    $request->close;
}

sub answer {
    my ($request) = @_;
    my $env  = $request->env;
    my $out  = $request->connection;
    my $left = $env->{CONTENT_LENGTH};
    my $next = sub {
        return '' unless $left > 0;
        my $got = read $out, my $piece, $left < 65536 ? $left : 65536;
        die 'the body is cut' unless $got;
        $left -= $got;
        return $piece;
    };
    my $path  = $env->{PATH_INFO} // '';
    my $query = $env->{QUERY_STRING} // '';
    if ($path eq '/echo') {
        my $body = join '', map { "$_=$env->{$_}\n" } sort keys %$env;
        $body .= 'body: ';
        while (length(my $piece = $next->())) { $body .= $piece }
        print $out "Content-Type: text/plain\n\n$body\n";
    } elsif ($path eq '/sha256') {
        my $sha = Digest::SHA->new(256);
        while (length(my $piece = $next->())) { $sha->add($piece) }
        print $out "Content-Type: text/plain\n\n", $sha->hexdigest;
    } elsif ($path eq '/bytes') {
        open my $file, '<:raw', $ENV{PATTERN} or die "pattern: $!";
        my $block = do { local $/; <$file> };
        print $out "Content-Type: application/octet-stream\n\n";
        while ($query > 0) {
            print $out $query < length $block ? substr($block, 0, $query) : $block or last;
            $query -= length $block;
        }
    } elsif ($path eq '/cookies') {
        print $out "Content-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2; Path=/\n\ntwo cookies";
    } elsif ($path eq '/status') {
        $query =~ tr/+/ /;
        print $out "Content-Type: text/plain\nStatus: $query\n\na status";
    } else {
        print $out "Status: 404 Not Found\nContent-Type: text/plain\n\nnothing here";
    }
}
