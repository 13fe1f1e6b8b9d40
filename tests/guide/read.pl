# read.pl PORT USER PASSWORD TEXT: reads INBOX with Debian's Cyrus::IMAP and finds TEXT.
use strict;
use warnings;
use Cyrus::IMAP;
my ($port, $user, $password, $text) = @ARGV;
my $imap = Cyrus::IMAP->new('127.0.0.1', $port) or die "no connection\n";
$imap->authenticate(-mechanism => 'login', -user => $user, -password => $password, -notls => 1) or die "no login\n";
my $exists = 0;
$imap->addcallback({ -trigger => 'EXISTS', -flags => Cyrus::IMAP::CALLBACK_NUMBERED(), -callback => sub { my %cb = @_; $exists = $cb{-msgno} } });
my ($rc, $said) = $imap->send('', '', 'EXAMINE INBOX');
$rc eq 'OK' or die "EXAMINE: $rc $said\n";
my $body = '';
$imap->addcallback({ -trigger => 'FETCH', -flags => Cyrus::IMAP::CALLBACK_NUMBERED(), -callback => sub { my %cb = @_; $body .= $cb{-text} } });
($rc, $said) = $imap->send('', '', 'FETCH 1 BODY.PEEK[TEXT]');
$rc eq 'OK' && index($body, $text) >= 0 or die "FETCH: $rc $said: $body\n";
print "guide: Cyrus::IMAP: $exists messages, text of the first found\n";
