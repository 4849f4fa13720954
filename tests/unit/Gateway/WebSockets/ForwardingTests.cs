using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class ForwardingTests
{
    [Fact]
    public void Request_IsPassedWithForwardedFields()
    {
        Forward("/chat?x=1", Requests.Upgrade + "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: http://a\r\n")
            .ShouldBe(
                "GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: http://a\r\n"
                    + "Connection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
                    + "X-Forwarded-Host: example.com\r\nX-Forwarded-Port: 8443\r\nX-Real-IP: 192.0.2.7\r\nX-Request-Id: own-id\r\n\r\n"
            );
    }

    [Fact]
    public void Request_ClientsForwardedFields_AreAppendedOrReplaced()
    {
        var text = Forward(
            "/",
            Requests.Upgrade
                + "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil\r\n"
                + "X-Forwarded-Port: 1\r\nX-Real-IP: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n"
        );

        text.ShouldContain("X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7\r\n");
        text.ShouldNotContain("gopher");
        text.ShouldNotContain("evil");
        text.ShouldNotContain("9.9.9.9");
        text.ShouldNotContain("X-Forwarded-Port: 1\r");
        text.Split("X-Forwarded-For").Length.ShouldBe(2);
    }

    [Theory]
    [InlineData("X-Request-Id: abc.DEF_1-2\r\n", "abc.DEF_1-2")]
    [InlineData("X-Request-Id: \r\n", "own-id")]
    [InlineData("X-Request-Id: a b\r\n", "own-id")]
    [InlineData("X-Request-Id: a\r\nX-Request-Id: b\r\n", "own-id")]
    [InlineData("X-Request-Id: 12345678901234567890123456789012345678901234567890123456789012345\r\n", "own-id")]
    public void Request_Id_IsTheClientsWhereValid(string field, string expected) =>
        Forward("/", Requests.Upgrade + field).ShouldContain($"X-Request-Id: {expected}\r\n");

    [Fact]
    public void Request_HopByHopFields_EndHere()
    {
        var text = Forward(
            "/",
            Requests.Upgrade.Replace("keep-alive, Upgrade", "keep-alive, Upgrade, X-Hop, Host, Sec-WebSocket-Key")
                + "Keep-Alive: 5\r\nX-Hop: secret\r\nTE: trailers\r\nProxy-Connection: close\r\nX-Stay: 1\r\n"
        );

        text.ShouldNotContain("secret");
        text.ShouldNotContain("Keep-Alive");
        text.ShouldNotContain("TE:");
        text.ShouldNotContain("Proxy-Connection");
        text.ShouldContain("X-Stay: 1\r\n");
        text.ShouldContain("Host: example.com\r\n");
        text.ShouldContain("Sec-WebSocket-Key: ");
    }

    [Fact]
    public void Request_AbsoluteTarget_BecomesAPath()
    {
        var text = Forward("http://other.example/x?y", Requests.Upgrade);

        text.ShouldStartWith("GET /x?y HTTP/1.1\r\nHost: other.example\r\n");
        text.ShouldNotContain("Host: example.com");
    }

    [Fact]
    public void Request_LongestHead_FitsWithMaxAdded()
    {
        var fields = Requests.Upgrade;
        const string start = "GET / HTTP/1.1\r\n";
        var fill = HttpHead.MaxBytes - start.Length - fields.Length - 2 - "A: \r\n".Length;
        var (head, data) = Requests.Get("/", fields + "A: " + new string('x', fill) + "\r\n");

        Write(head, data, new byte[HttpHead.MaxBytes + ForwardedRequest.MaxAdded]).ShouldBeGreaterThan(0);
        Write(head, data, new byte[HttpHead.MaxBytes]).ShouldBe(-1);
    }

    [Fact]
    public void Response_Switch_IsPassedWithCookie()
    {
        const string response =
            "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade, Keep-Alive\r\n"
            + "Keep-Alive: 5\r\nSec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: chat\r\nContent-Length: 0\r\n\r\n";

        Respond(response, "m=1")
            .ShouldBe(
                "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: chat\r\nSet-Cookie: m=1\r\n\r\n"
            );
    }

    [Fact]
    public void Response_Refusal_IsPassedWithItsFraming() =>
        Respond("HTTP/1.0 403 No\r\nTransfer-Encoding: chunked\r\nX-A: b\r\nConnection: keep-alive\r\n\r\n", "")
            .ShouldBe("HTTP/1.1 403 No\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n");

    [Theory]
    [InlineData("Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: a\r\n", true)]
    [InlineData("Upgrade: h2c\r\nConnection: upgrade\r\nSec-WebSocket-Accept: a\r\n", false)]
    [InlineData("Upgrade: websocket\r\nSec-WebSocket-Accept: a\r\n", false)]
    [InlineData("Upgrade: websocket\r\nConnection: upgrade\r\n", false)]
    public void CheckSwitch_NeedsTheHandshakesFields(string fields, bool valid)
    {
        var (head, data) = Requests.Parse($"HTTP/1.1 101 X\r\n{fields}\r\n", HeadKind.Response);

        (ForwardedResponse.CheckSwitch(head, data) is null).ShouldBe(valid);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n", 1)]
    [InlineData("Sec-WebSocket-Extensions: permessage-deflate, x-other\r\n", 2)]
    public void Extensions_AreThoseTheBackendAccepted(string field, int expected)
    {
        var (head, data) = Requests.Parse($"HTTP/1.1 101 X\r\n{field}\r\n", HeadKind.Response);

        ForwardedResponse.Extensions(head, data).ShouldBe((FrameExtensions)expected);
    }

    [Theory]
    [InlineData("Cookie: mooring=0123456789abcdef\r\n", "0123456789abcdef")]
    [InlineData("Cookie: a=b; mooring=0123456789abcdef; c=d\r\n", "0123456789abcdef")]
    [InlineData("Cookie: a=b\r\nCookie: mooring=0123456789abcdef\r\n", "0123456789abcdef")]
    [InlineData("Cookie: xmooring=0123456789abcdef\r\n", "")]
    [InlineData("Cookie: Mooring=0123456789abcdef\r\n", "")]
    [InlineData("Cookie: mooring=short\r\n", "")]
    [InlineData("Cookie: mooring\r\n", "")]
    [InlineData("", "")]
    public void Affinity_FindsTheCookie(string field, string expected)
    {
        var (head, data) = Requests.Get("/", "Host: a\r\n" + field);

        Encoding.ASCII.GetString(new AffinityCookie(new AffinityConfig()).Find(head, data)).ShouldBe(expected);
    }

    [Fact]
    public void Affinity_SetCookie_HasItsAttributes()
    {
        var cookie = new AffinityCookie(
            new AffinityConfig
            {
                CookieName = "stick",
                CookieTtl = TimeSpan.FromHours(1),
                CookiePath = "/app",
            }
        );
        var buffer = new byte[256];
        var key = AffinityCookie.Key("pod-1");

        key.ShouldMatch("^[0-9a-f]{16}$");
        key.ShouldNotBe(AffinityCookie.Key("pod-2"));
        Encoding
            .ASCII.GetString(buffer, 0, cookie.WriteSetCookie(key, secure: true, buffer))
            .ShouldBe($"stick={key}; Path=/app; HttpOnly; SameSite=Lax; Max-Age=3600; Secure");
        cookie.WriteSetCookie(key, secure: true, new byte[20]).ShouldBe(-1);
    }

    // TLS may end in front of the gateway: what browsers refuse without Secure is Secure.
    [Theory]
    [InlineData(CookieSameSite.Strict, "; Path=/; HttpOnly; SameSite=Strict")]
    [InlineData(CookieSameSite.None, "; Path=/; HttpOnly; SameSite=None; Secure")]
    public void Affinity_Cookie_SaysWhichSites(CookieSameSite sameSite, string attributes)
    {
        var cookie = new AffinityCookie(new AffinityConfig { CookieSameSite = sameSite });
        var buffer = new byte[256];
        var key = AffinityCookie.Key("pod-1");

        Encoding.ASCII.GetString(buffer, 0, cookie.WriteSetCookie(key, secure: false, buffer)).ShouldBe($"mooring={key}{attributes}");
    }

    [Fact]
    public void Affinity_Signed_TakesOnlyItsOwn()
    {
        var key = new string('k', 32);
        var buffer = new byte[256];
        var ours = new AffinityCookie(new AffinityConfig { Key = key });
        var sent = Encoding.ASCII.GetString(buffer, 0, ours.WriteSetCookie(AffinityCookie.Key("pod-1"), secure: false, buffer)).Split(';')[
            0
        ];
        sent.ShouldMatch("^mooring=[0-9a-f]{16}\\.[A-Za-z0-9_-]{16}$");

        // The same key elsewhere in the fleet; another key; no signature; one that was changed; another cookie's.
        Found(new AffinityConfig { Key = key }, sent).ShouldBe(AffinityCookie.Key("pod-1"));
        Found(new AffinityConfig { Key = new string('x', 32) }, sent).ShouldBe("");
        Found(new AffinityConfig { Key = key }, sent.Split('.')[0]).ShouldBe("");
        Found(
                new AffinityConfig { Key = key },
                sent.Replace(AffinityCookie.Key("pod-1"), AffinityCookie.Key("pod-2"), StringComparison.Ordinal)
            )
            .ShouldBe("");
        Found(new AffinityConfig { Key = key, CookieName = "other" }, sent.Replace("mooring", "other", StringComparison.Ordinal))
            .ShouldBe("");
        Found(new AffinityConfig(), sent).ShouldBe("");

        static string Found(AffinityConfig config, string cookie)
        {
            var (head, data) = Requests.Get("/", $"Host: a\r\nCookie: {cookie}\r\n");
            return Encoding.ASCII.GetString(new AffinityCookie(config).Find(head, data));
        }
    }

    [Fact]
    public void PlainAnswer_IsAWholeResponse()
    {
        var text = Encoding.ASCII.GetString(PlainAnswer.For(new Refusal(426, "use WebSocket")));

        text.ShouldStartWith("HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n");
        text.ShouldContain("Sec-WebSocket-Version: 13\r\n");
        text.ShouldContain("Content-Length: 14\r\n");
        text.ShouldEndWith("\r\n\r\nuse WebSocket\n");
    }

    private static string Forward(string target, string fields)
    {
        var (head, data) = Requests.Get(target, fields);
        var destination = new byte[4096];
        return Encoding.ASCII.GetString(destination, 0, Write(head, data, destination));
    }

    private static int Write(HttpHead head, byte[] data, byte[] destination)
    {
        RequestTarget.TryRead(head, data, out var parsed).ShouldBe(default);
        return ForwardedRequest.Write(head, data, parsed, new ForwardedClient("192.0.2.7"u8, true, 8443, "own-id"u8), destination);
    }

    private static string Respond(string text, string cookie)
    {
        var (head, data) = Requests.Parse(text, HeadKind.Response);
        var destination = new byte[1024];
        return Encoding.ASCII.GetString(destination, 0, ForwardedResponse.Write(head, data, Encoding.ASCII.GetBytes(cookie), destination));
    }
}
