using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class HttpHeadTests
{
    private const string Valid =
        "GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade:websocket\r\nX-Empty:\r\nX-Padded: \t a b \t\r\n\r\n";

    [Fact]
    public void Parse_ValidRequest_KeepsEveryPart()
    {
        var (head, data, result) = Parse(Valid + "extra");

        result.Status.ShouldBe(HeadStatus.Complete);
        result.Offset.ShouldBe(Valid.Length);
        Text(head.Method.Of(data)).ShouldBe("GET");
        Text(head.Target.Of(data)).ShouldBe("/chat?x=1");
        head.MinorVersion.ShouldBe(1);
        head.Fields.Length.ShouldBe(4);
        head.Find(data, "HOST"u8, out var host).ShouldBe(1);
        Text(host).ShouldBe("example.com");
        head.Find(data, "x-empty"u8, out var empty).ShouldBe(1);
        empty.Length.ShouldBe(0);
        head.Find(data, "x-padded"u8, out var padded).ShouldBe(1);
        Text(padded).ShouldBe("a b");
        head.Find(data, "x-none"u8, out _).ShouldBe(0);
    }

    [Theory]
    [InlineData("\x16\x03\x01", 400, 0, "invalid first byte")]
    [InlineData("\r\nGET / HTTP/1.1\r\n\r\n", 400, 0, "invalid first byte")]
    [InlineData("GET / HTTP/1.1\nHost: a\r\n\r\n", 400, 14, "line feed without")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\n\r\n", 400, 23, "line feed without")]
    [InlineData("GET / HTTP/1.1\r\n\nHost: a\r\n\r\n", 400, 16, "line feed without")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400, 23, "carriage return")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, 25, "folding")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", 400, 25, "folding")]
    [InlineData("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, 20, "header name")]
    [InlineData("GET / HTTP/1.1\r\nHo(st: a\r\n\r\n", 400, 18, "header name")]
    [InlineData("GET / HTTP/1.1\r\nHost\r\n\r\n", 400, 20, "without colon")]
    [InlineData("GET / HTTP/1.1\r\n: a\r\n\r\n", 400, 16, "empty header name")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400, 23, "control character")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n", 400, 23, "control character")]
    [InlineData("G@T / HTTP/1.1\r\n\r\n", 400, 1, "method")]
    [InlineData("GET\r\n\r\n", 400, 3, "without target")]
    [InlineData("GET /\r\n\r\n", 400, 5, "without version")]
    [InlineData("GET  HTTP/1.1\r\n\r\n", 400, 4, "empty request target")]
    [InlineData("GET /\t HTTP/1.1\r\n\r\n", 400, 5, "request target")]
    [InlineData("GET /\u00ff HTTP/1.1\r\n\r\n", 400, 5, "request target")]
    [InlineData("GET / HTTP/1.1 \r\n\r\n", 400, 6, "version")]
    [InlineData("GET / http/1.1\r\n\r\n", 400, 6, "version")]
    [InlineData("GET / HTTP/1.2\r\n\r\n", 505, 6, "version")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 6, "version")]
    public void Parse_Invalid_TellsStatusOffsetAndReason(string text, int status, int offset, string reason)
    {
        var (_, _, result) = Parse(text);

        result.Status.ShouldBe(HeadStatus.Error);
        result.HttpStatus.ShouldBe(status);
        result.Offset.ShouldBe(offset);
        result.Reason!.ShouldContain(reason);
    }

    [Fact]
    public void Parse_HeadOfExactlyTheLimit_Completes()
    {
        const string start = "GET / HTTP/1.1\r\nA: ";
        var (_, _, result) = Parse(start + new string('x', HttpHead.MaxBytes - start.Length - 4) + "\r\n\r\n");

        result.ShouldBe(HeadResult.Complete(HttpHead.MaxBytes));
    }

    [Fact]
    public void Parse_HeadOfOneByteMore_Is431()
    {
        const string start = "GET / HTTP/1.1\r\nA: ";
        var (_, _, result) = Parse(start + new string('x', HttpHead.MaxBytes - start.Length - 3) + "\r\n\r\n");

        result.HttpStatus.ShouldBe(431);
    }

    [Theory]
    [InlineData(HttpHead.MaxFields, HeadStatus.Complete)]
    [InlineData(HttpHead.MaxFields + 1, HeadStatus.Error)]
    public void Parse_NumberOfFields_IsBounded(int count, object expected)
    {
        var (_, _, result) = Parse("GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat("A: b\r\n", count)) + "\r\n");

        result.Status.ShouldBe((HeadStatus)expected);
    }

    [Theory]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101)]
    [InlineData("HTTP/1.1 403 \r\n\r\n", 403)]
    [InlineData("HTTP/1.0 200\r\n\r\n", 200)]
    public void Parse_Response_HasStatus(string text, int status)
    {
        var head = new HttpHead(HeadKind.Response);

        head.Parse(Bytes(text)).Status.ShouldBe(HeadStatus.Complete);
        head.StatusCode.ShouldBe(status);
    }

    [Theory]
    [InlineData("HTTP/1.1\r\n\r\n")]
    [InlineData("HTTP/1.1 10\r\n\r\n")]
    [InlineData("HTTP/1.1 1010\r\n\r\n")]
    [InlineData("HTTP/1.1 001 No\r\n\r\n")]
    [InlineData("HTTP/1.1 20x No\r\n\r\n")]
    [InlineData("HTTP/3.1 200 OK\r\n\r\n")]
    [InlineData("ICY 200 OK\r\n\r\n")]
    public void Parse_InvalidResponse_IsError(string text) =>
        new HttpHead(HeadKind.Response).Parse(Bytes(text)).Status.ShouldBe(HeadStatus.Error);

    [Fact]
    public void Reset_AfterError_ParsesTheNext()
    {
        var head = new HttpHead(HeadKind.Request);
        head.Parse(Bytes("bad\n")).Status.ShouldBe(HeadStatus.Error);
        head.Reset();

        head.Parse(Bytes(Valid)).Status.ShouldBe(HeadStatus.Complete);
        head.Fields.Length.ShouldBe(4);
    }

    [Fact]
    public void Parse_AnyCuts_SameResult()
    {
        var pieces = Gen.Elements(
            "GET / HTTP/1.1\r\n",
            "Host: a\r\n",
            "\r\n",
            "\n",
            "\r",
            " ",
            ":",
            "A: b\r\n",
            "Upgrade: websocket\r\n",
            "\0",
            "x",
            "HTTP/1.1 200 OK\r\n"
        );
        var property = Prop.ForAll(
            pieces.ListOf().ToArbitrary(),
            Gen.Choose(1, 7).ToArbitrary(),
            (text, step) =>
            {
                var data = Bytes("GET / HTTP/1.1\r\n" + string.Concat(text));
                return ParseInSteps(data, step) == new HttpHead(HeadKind.Request).Parse(data);
            }
        );

        property.Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void Parse_RandomBytes_NeverThrowsAndDoesNotDependOnCuts()
    {
        var random = new Random(20261121);
        for (var round = 0; round < 2_000; round++)
        {
            var data = new byte[random.Next(1, 400)];
            random.NextBytes(data);
            if (round % 2 == 0)
            {
                // Mutations of a valid head get further than noise does.
                data = Bytes(Valid);
                for (var i = random.Next(1, 4); i > 0; i--)
                {
                    data[random.Next(data.Length)] = (byte)random.Next(256);
                }
            }

            ParseInSteps(data, random.Next(1, 50)).ShouldBe(new HttpHead(HeadKind.Request).Parse(data));
        }
    }

    private static HeadResult ParseInSteps(byte[] data, int step)
    {
        var head = new HttpHead(HeadKind.Request);
        for (var length = step; length < data.Length; length += step)
        {
            head.Parse(data.AsSpan(0, length));
        }

        return head.Parse(data);
    }

    private static (HttpHead Head, byte[] Data, HeadResult Result) Parse(string text)
    {
        var head = new HttpHead(HeadKind.Request);
        var data = Bytes(text);
        return (head, data, head.Parse(data));
    }

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    private static string Text(ReadOnlySpan<byte> text) => Encoding.Latin1.GetString(text);
}
