using System.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class BodyTrackerTests
{
    [Theory]
    [InlineData("Content-Length: 5\r\n", "helloNEXT", 5)]
    [InlineData("Content-Length: 0\r\n", "NEXT", 0)]
    [InlineData("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\nNEXT", 15)]
    [InlineData("Transfer-Encoding: Chunked\r\n", "A;x=y\r\n0123456789\r\n0\r\nTrailer: a\r\n\r\nNEXT", 36)]
    [InlineData("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", 5)]
    public void Advance_AnyCuts_FindsTheEnd(string fields, string body, int length)
    {
        var data = Encoding.ASCII.GetBytes(body);
        for (var step = 1; step <= data.Length; step++)
        {
            var tracker = For(200, fields)!.Value;
            var consumed = 0;
            for (var at = 0; at < data.Length && !tracker.IsDone; at += step)
            {
                consumed += tracker.Advance(data.AsSpan(at, Math.Min(step, data.Length - at)));
            }

            tracker.IsDone.ShouldBeTrue();
            consumed.ShouldBe(length);
        }
    }

    [Theory]
    [InlineData("g\r\n")]
    [InlineData("\r\n")]
    [InlineData("5\r\nhelloX")]
    [InlineData("1234567890abcdef0\r\n")]
    public void Advance_WrongChunks_AreBroken(string body)
    {
        var tracker = For(200, "Transfer-Encoding: chunked\r\n")!.Value;
        tracker.Advance(Encoding.ASCII.GetBytes(body));

        tracker.IsBroken.ShouldBeTrue();
    }

    [Fact]
    public void Advance_EndlessExtension_IsBroken()
    {
        var tracker = For(200, "Transfer-Encoding: chunked\r\n")!.Value;
        tracker.Advance(Encoding.ASCII.GetBytes("5;" + new string('x', 5000)));

        tracker.IsBroken.ShouldBeTrue();
    }

    [Theory]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")]
    [InlineData("Content-Length: 5\r\nContent-Length: 5\r\n")]
    [InlineData("Content-Length: +5\r\n")]
    [InlineData("Content-Length: 9999999999999999999\r\n")]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n")]
    public void For_AmbiguousFraming_IsNull(string fields) => For(200, fields).ShouldBeNull();

    [Theory]
    [InlineData(204)]
    [InlineData(304)]
    public void For_StatusWithoutBody_IsDone(int status) => For(status, "Content-Length: 5\r\n")!.Value.IsDone.ShouldBeTrue();

    [Fact]
    public void For_NoFraming_IsUntilClose()
    {
        var tracker = For(403, "")!.Value;

        tracker.IsUntilClose.ShouldBeTrue();
        tracker.Advance(new byte[100]).ShouldBe(100);
        tracker.IsDone.ShouldBeFalse();
    }

    private static BodyTracker? For(int status, string fields)
    {
        var (head, data) = Requests.Parse($"HTTP/1.1 {status} X\r\n{fields}\r\n", HeadKind.Response);
        return BodyTracker.For(head, data);
    }
}
