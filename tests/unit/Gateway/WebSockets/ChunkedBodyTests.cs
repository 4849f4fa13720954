using System.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class ChunkedBodyTests
{
    private const int Max = 100;

    [Theory]
    [InlineData("0\r\n\r\nPOST", "")]
    [InlineData("5\r\nhello\r\n0\r\n\r\nPOST", "hello")]
    [InlineData(
        "A;x=y\r\n0123456789\r\n000b ; a=\"b\"\r\n hello\r\nyou\r\n00\r\nTrailer: a\r\nOther: b\r\n\r\nPOST",
        "0123456789 hello\r\nyou"
    )]
    [InlineData("0000000000000001\r\n\r\r\n0\r\n\r\n", "\r")]
    public void Parse_AnyCuts_FindsContentAndEnd(string body, string content)
    {
        var data = Encoding.ASCII.GetBytes(body);
        var end = body.EndsWith("POST", StringComparison.Ordinal) ? data.Length - 4 : data.Length;
        for (var step = 1; step <= data.Length; step++)
        {
            var chunks = new ChunkedBody(Max);
            var came = Math.Min(step, data.Length);
            HeadResult result;
            while ((result = chunks.Parse(data.AsSpan(0, came))).Status == HeadStatus.NeedMore && came < data.Length)
            {
                came = Math.Min(came + step, data.Length);
            }

            result.ShouldBe(HeadResult.Complete(end));
            Encoding.ASCII.GetString(chunks.Content).ShouldBe(content);
        }
    }

    [Theory]
    [InlineData("g\r\n", 400, 0)]
    [InlineData("\r\n", 400, 0)]
    [InlineData("-1\r\n", 400, 0)]
    [InlineData("0x5\r\n", 400, 1)]
    [InlineData("5\nhello", 400, 1)]
    [InlineData("5;a\u0001\r\nhello", 400, 3)]
    [InlineData("5;a\rb\r\nhello", 400, 3)]
    [InlineData("5\r\nhelloX", 400, 8)]
    [InlineData("5\r\nhello\rX", 400, 8)]
    [InlineData("5\r\nhello\n0\r\n", 400, 8)]
    [InlineData("65\r\n", 413, 0)]
    [InlineData(
        "64\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n1\r\n",
        413,
        106
    )]
    [InlineData("100000000\r\n", 413, 0)]
    [InlineData("ffffffffffffffffff\r\n", 413, 0)]
    public void Parse_WrongFraming_SaysWhere(string body, int status, int offset)
    {
        var data = Encoding.ASCII.GetBytes(body);
        for (var step = 1; step <= data.Length; step++)
        {
            var chunks = new ChunkedBody(Max);
            var came = Math.Min(step, data.Length);
            HeadResult result;
            while ((result = chunks.Parse(data.AsSpan(0, came))).Status == HeadStatus.NeedMore && came < data.Length)
            {
                came = Math.Min(came + step, data.Length);
            }

            (result.Status, result.HttpStatus, result.Offset).ShouldBe((HeadStatus.Error, status, offset));
        }
    }

    [Theory]
    [InlineData("5;", "x")]
    [InlineData("0\r\n", "x: y\r\n")]
    [InlineData("", "1;0123456789\r\nx\r\n")]
    public void Parse_NoEnd_IsBounded(string start, string more)
    {
        var chunks = new ChunkedBody(1000);
        var data = new List<byte>(Encoding.ASCII.GetBytes(start));
        while (chunks.Parse(data.ToArray()).Status == HeadStatus.NeedMore)
        {
            data.Count.ShouldBeLessThan(8000);
            data.AddRange(Encoding.ASCII.GetBytes(more));
        }
    }
}
