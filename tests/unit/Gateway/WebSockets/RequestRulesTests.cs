using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class RequestRulesTests
{
    [Theory]
    [InlineData("https://example.com", "https://example.com", 0)]
    [InlineData("https://example.com", "HTTPS://Example.COM", 0)]
    [InlineData("https://example.com", "http://example.com", 403)]
    [InlineData("https://example.com", "https://example.com:8443", 403)]
    [InlineData("https://example.com", "https://example.com.evil.net", 403)]
    [InlineData("https://example.com", "https://evil-example.com", 403)]
    [InlineData("https://example.com", "null", 403)]
    [InlineData("https://example.com", "", 403)]
    [InlineData("https://example.com", null, 0)]
    [InlineData("https://*.example.com", "https://a.example.com", 0)]
    [InlineData("https://*.example.com", "https://a.b.example.com", 0)]
    [InlineData("https://*.example.com", "https://example.com", 403)]
    [InlineData("https://*.example.com", "https://.example.com", 403)]
    [InlineData("https://*.example.com", "https://evil.net/.example.com", 403)]
    [InlineData("https://*.example.com", "https://evil.net:1.example.com", 403)]
    [InlineData("https://*.example.com:8443", "https://a.example.com:8443", 0)]
    [InlineData("https://*.example.com:8443", "https://a.example.com", 403)]
    public void Origin_IsCompared(string allowed, string? sent, int status)
    {
        var (head, data) = Requests.Get("/", sent is null ? "Host: a\r\n" : $"Host: a\r\nOrigin: {sent}\r\n");

        new OriginList(["http://localhost:3000", allowed]).Check(head, data).Status.ShouldBe(status);
        new OriginList([]).Check(head, data).IsNone.ShouldBeTrue();
    }

    [Fact]
    public void Origin_Twice_IsRefused()
    {
        var (head, data) = Requests.Get("/", "Host: a\r\nOrigin: https://a.b\r\nOrigin: https://a.b\r\n");

        new OriginList(["https://a.b"]).Check(head, data).Status.ShouldBe(400);
    }

    [Theory]
    [InlineData("https://example.com", true)]
    [InlineData("http://localhost:3000", true)]
    [InlineData("https://*.example.com", true)]
    [InlineData("chrome-extension://abcdef", true)]
    [InlineData("example.com", false)]
    [InlineData("https://example.com/", false)]
    [InlineData("https://example.com/path", false)]
    [InlineData("https://user@example.com", false)]
    [InlineData("https://a.*.com", false)]
    [InlineData("*", false)]
    [InlineData("https://", false)]
    public void Origin_Configured_IsChecked(string origin, bool valid) => Origins.IsPattern(origin).ShouldBe(valid);

    [Theory]
    [InlineData("a, b, c", "b, c")]
    [InlineData("c", "c")]
    [InlineData("a", null)]
    [InlineData("B", null)]
    [InlineData("", "")]
    public void Subprotocols_Filter_KeepsWhatIsTaken(string offered, string? kept)
    {
        var field = offered.Length == 0 ? "" : $"Sec-WebSocket-Protocol: {offered}\r\n";
        var (head, data) = Requests.Get("/", "Host: a\r\n" + field);
        var buffer = new byte[256];

        var length = new SubprotocolList(["b", "c"]).Filter(head, data, buffer);

        (length < 0 ? null : Encoding.ASCII.GetString(buffer, 0, length)).ShouldBe(kept);
    }

    [Fact]
    public void Value_SameFromAnyPlace_DiffersByKind()
    {
        const string Fields = "Host: a\r\nX-User: ann\r\nCookie: uid=ann; x=1\r\n";
        var key = Key(RequestValueSource.Header, "x-user", Fields);

        key.ShouldNotBe(0UL);
        Key(RequestValueSource.Query, "u", Fields, "/?a=1&u=ann").ShouldBe(key);
        Key(RequestValueSource.Cookie, "uid", Fields).ShouldBe(key);
        Key(RequestValueSource.JwtClaim, "sub", Bearer("""{"iss":{"a":[1]},"sub":"ann"}""")).ShouldBe(key);
        Key(RequestValueSource.JwtClaim, "sub", Fields, "/?access_token=" + Token("""{"sub":"ann"}""")).ShouldBe(key);
        Key(RequestValueSource.Header, "x-user", Fields, salt: 1).ShouldNotBe(key);
        Key(RequestValueSource.JwtClaim, "sub", Bearer("""{"sub":42}""")).ShouldBe(Key(RequestValueSource.Query, "u", Fields, "/?u=42"));
    }

    [Theory]
    [InlineData("""{"other":"ann"}""")]
    [InlineData("""{"sub":{"sub":"ann"}}""")]
    [InlineData("""{"sub":""")]
    [InlineData("""["sub","ann"]""")]
    [InlineData("not json")]
    [InlineData("")]
    public void Value_ClaimThatIsNotThere_IsNone(string payload) => Key(RequestValueSource.JwtClaim, "sub", Bearer(payload)).ShouldBe(0UL);

    [Theory]
    [InlineData("Authorization: Basic eHg6eHg=\r\n")]
    [InlineData("Authorization: Bearer a.b\r\n")]
    [InlineData("Authorization: Bearer a.***.c\r\n")]
    [InlineData("")]
    public void Value_NoToken_IsNone(string field) => Key(RequestValueSource.JwtClaim, "sub", "Host: a\r\n" + field).ShouldBe(0UL);

    private static string Bearer(string payload) => $"Host: a\r\nAuthorization: bearer {Token(payload)}\r\n";

    private static string Token(string payload) =>
        $"eyJhbGciOiJub25lIn0.{System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload))}.c2ln";

    private static ulong Key(RequestValueSource source, string name, string fields, string target = "/", byte salt = 0)
    {
        var (head, data) = Requests.Get(target, fields);
        return new RequestValue(source, name).Key(head, data, Encoding.ASCII.GetBytes(target), salt);
    }
}
