using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class UpgradeValidatorTests
{
    [Fact]
    public void Validate_Rfc6455Example_IsAccepted() => Refuse("GET / HTTP/1.1", Requests.Upgrade).IsNone.ShouldBeTrue();

    [Theory]
    [InlineData("Upgrade: websocket", "upgrade: h2c, WebSocket")]
    [InlineData("Connection: keep-alive, Upgrade", "Connection: UPGRADE")]
    [InlineData("Connection: keep-alive, Upgrade", "Connection: keep-alive\r\nConnection: upgrade")]
    [InlineData("Host: example.com", "Host: example.com\r\nContent-Length: 0")]
    public void Validate_OtherForms_AreAccepted(string part, string instead) =>
        Refuse("GET / HTTP/1.1", Requests.Upgrade.Replace(part, instead)).ShouldBe(default);

    [Theory]
    [InlineData("Host: example.com\r\n", "", 400, "no Host")]
    [InlineData("Host: example.com", "Host: example.com\r\nHost: example.com", 400, "more than one Host")]
    [InlineData("Host: example.com", "Host: example.com\r\nTransfer-Encoding: chunked", 400, "Transfer-Encoding")]
    [InlineData("Host: example.com", "Host: example.com\r\nTransfer-Encoding: identity\r\nContent-Length: 0", 400, "Transfer-Encoding")]
    [InlineData("Host: example.com", "Host: example.com\r\nContent-Length: 5", 400, "Content-Length")]
    [InlineData("Host: example.com", "Host: example.com\r\nContent-Length: 0\r\nContent-Length: 0", 400, "Content-Length")]
    [InlineData("Host: example.com", "Host: example.com\r\nContent-Length: 00", 400, "Content-Length")]
    [InlineData("Upgrade: websocket\r\n", "", 426, "speaks WebSocket")]
    [InlineData("Upgrade: websocket", "Upgrade: websocket2", 426, "speaks WebSocket")]
    [InlineData("Connection: keep-alive, Upgrade", "Connection: keep-alive", 400, "Connection")]
    [InlineData("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 426, "other than 13")]
    [InlineData("Sec-WebSocket-Version: 13\r\n", "", 426, "no Sec-WebSocket-Version")]
    [InlineData("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13", 426, "other than 13")]
    [InlineData("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400, "no Sec-WebSocket-Key")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400, "16 bytes")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSE=", 400, "16 bytes")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ!==", 400, "16 bytes")]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25 ZQ==", 400, "16 bytes")]
    public void Validate_Wrong_IsRefused(string part, string instead, int status, string reason)
    {
        var refusal = Refuse("GET / HTTP/1.1", Requests.Upgrade.Replace(part, instead));

        refusal.Status.ShouldBe(status);
        refusal.Reason.ShouldContain(reason);
    }

    [Theory]
    [InlineData("POST / HTTP/1.1", 405)]
    [InlineData("POST /hub/negotiate HTTP/1.1", 405)]
    [InlineData("CONNECT / HTTP/1.1", 405)]
    [InlineData("GET / HTTP/1.0", 426)]
    public void Validate_OtherRequestLines_AreRefused(string line, int status) => Refuse(line, Requests.Upgrade).Status.ShouldBe(status);

    // How socket.io's and SignalR's clients begin, unless they are told not to.
    [Theory]
    [InlineData("GET /socket.io/?EIO=4&transport=polling HTTP/1.1", "Host: a\r\n", 426)]
    [InlineData("POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1", "Host: a\r\nContent-Length: 5\r\n", 405)]
    [InlineData("POST /hub/negotiate?negotiateVersion=1 HTTP/1.1", "Host: a\r\nContent-Length: 0\r\n", 405)]
    public void Validate_PlainHttp_IsToldWhatClientsNeed(string line, string fields, int status)
    {
        var refusal = Refuse(line, fields);

        refusal.Status.ShouldBe(status);
        refusal.Reason.ShouldContain("transports: ['websocket']");
        refusal.Reason.ShouldContain("skipNegotiation: true");
    }

    private static Refusal Refuse(string line, string fields)
    {
        var (head, data) = Requests.Parse($"{line}\r\n{fields}\r\n");
        return UpgradeValidator.Validate(head, data);
    }
}
