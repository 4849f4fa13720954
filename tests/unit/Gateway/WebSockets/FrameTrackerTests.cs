using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class FrameTrackerTests
{
    [Theory]
    // Two whole texts; a ping between two fragments of one message; a close.
    [InlineData("8101418102 4242", 2)]
    [InlineData("010141 8900 800142", 1)]
    [InlineData("880203e8", 0)]
    public void Advance_ByteByByte_CountsMessagesOnce(string hex, int expected)
    {
        var tracker = new FrameTracker(FrameSender.Server, FrameExtensions.None);
        var messages = 0L;
        foreach (var one in Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)))
        {
            tracker.Advance([one], StopAt.End, ref messages).ShouldBe(1);
        }

        messages.ShouldBe(expected);
    }

    [Fact]
    public void Size_Is16Bytes() => Unsafe.SizeOf<FrameTracker>().ShouldBe(16);

    // RFC 6455 §5.7, each with who sends it.
    [Theory]
    [InlineData(1, "810548656c6c6f")]
    [InlineData(0, "818537fa213d7f9f4d5158")]
    [InlineData(1, "010348656c80026c6f")]
    [InlineData(1, "890548656c6c6f")]
    [InlineData(0, "8a8537fa213d7f9f4d5158")]
    public void Advance_Rfc6455Examples_EndAtABoundary(int sender, string hex)
    {
        var data = Convert.FromHexString(hex);
        var tracker = new FrameTracker((FrameSender)sender, FrameExtensions.None);

        tracker.Advance(data, StopAt.End).ShouldBe(data.Length);
        tracker.AtMessageBoundary.ShouldBeTrue();
        tracker.Error.ShouldBe(FrameError.None);
    }

    [Theory]
    [InlineData("827e0100", 256)]
    [InlineData("827f0000000000010000", 65536)]
    public void Advance_Rfc6455LongBinaries_EndAtABoundary(string header, int length)
    {
        var data = (byte[])[.. Convert.FromHexString(header), .. new byte[length]];
        var tracker = new FrameTracker(FrameSender.Server, FrameExtensions.None);

        tracker.Advance(data.AsSpan(0, data.Length - 1), StopAt.End);
        tracker.AtFrameBoundary.ShouldBeFalse();
        tracker.PayloadRemaining.ShouldBe(1UL);
        tracker.Advance(data.AsSpan(data.Length - 1), StopAt.End).ShouldBe(1);
        tracker.AtMessageBoundary.ShouldBeTrue();
    }

    [Theory]
    [InlineData(1, "c100", FrameError.ReservedBit, 0)]
    [InlineData(1, "a100", FrameError.ReservedBit, 0)]
    [InlineData(1, "9100", FrameError.ReservedBit, 0)]
    [InlineData(1, "8300", FrameError.ReservedOpcode, 0)]
    [InlineData(1, "8b00", FrameError.ReservedOpcode, 0)]
    [InlineData(1, "897e007e", FrameError.ControlTooLong, 1)]
    [InlineData(1, "0900", FrameError.FragmentedControl, 0)]
    [InlineData(1, "8000", FrameError.UnexpectedContinuation, 0)]
    [InlineData(1, "01008100", FrameError.ExpectedContinuation, 2)]
    [InlineData(1, "8180", FrameError.WrongMasking, 1)]
    [InlineData(0, "8100", FrameError.WrongMasking, 1)]
    [InlineData(1, "827f80", FrameError.LengthTooLarge, 2)]
    [InlineData(1, "8801", FrameError.ClosePayload, 1)]
    public void Advance_BrokenFraming_StopsAtTheByte(int sender, string hex, object error, int offset)
    {
        var data = Convert.FromHexString(hex);
        var tracker = new FrameTracker((FrameSender)sender, FrameExtensions.None);

        tracker.Advance(data, StopAt.End).ShouldBe(offset);
        tracker.Error.ShouldBe((FrameError)error);
        tracker.AtFrameBoundary.ShouldBeFalse();
        tracker.Advance(data, StopAt.End).ShouldBe(0);
    }

    [Theory]
    [InlineData(FrameExtensions.Deflate, "c100", true)]
    [InlineData(FrameExtensions.Deflate, "41004000", false)]
    [InlineData(FrameExtensions.Deflate, "c900", false)]
    [InlineData(FrameExtensions.Deflate, "a100", false)]
    [InlineData(FrameExtensions.Unknown, "f100", true)]
    [InlineData(FrameExtensions.Unknown, "8300", true)]
    [InlineData(FrameExtensions.Unknown, "8180", false)]
    public void Advance_Extensions_AllowTheirBits(object extensions, string hex, bool valid)
    {
        var tracker = new FrameTracker(FrameSender.Server, (FrameExtensions)extensions);
        tracker.Advance(Convert.FromHexString(hex), StopAt.End);

        (tracker.Error == FrameError.None).ShouldBe(valid);
    }

    [Fact]
    public void Advance_ControlInsideAMessage_LeavesTheMessageOpen()
    {
        var tracker = new FrameTracker(FrameSender.Server, FrameExtensions.None);

        tracker.Advance(Convert.FromHexString("01014889016f"), StopAt.End).ShouldBe(6);
        tracker.AtFrameBoundary.ShouldBeTrue();
        tracker.AtMessageBoundary.ShouldBeFalse();
        tracker.Advance(Convert.FromHexString("800149"), StopAt.End).ShouldBe(3);
        tracker.AtMessageBoundary.ShouldBeTrue();
    }

    [Fact]
    public void Advance_Stops_AreWhereTheySay()
    {
        // A fragment, a ping inside the message, the rest of the message, a close.
        var data = Convert.FromHexString("010148" + "8900" + "800149" + "880203e8");

        Stop(StopAt.Frame).ShouldBe(0);
        Stop(StopAt.Message).ShouldBe(0);
        Stop(StopAt.Close).ShouldBe(8);
        Stop(StopAt.Frame, skip: 1).ShouldBe(3);
        Stop(StopAt.Message, skip: 1).ShouldBe(8);
        Stop(StopAt.End).ShouldBe(data.Length);

        int Stop(StopAt stop, int skip = 0)
        {
            var tracker = new FrameTracker(FrameSender.Server, FrameExtensions.None);
            tracker.Advance(data.AsSpan(0, skip), StopAt.End);
            return skip + tracker.Advance(data.AsSpan(skip), stop);
        }
    }

    [Fact]
    public void CloseSeen_OnlyOnceTheFrameIsWhole()
    {
        var tracker = new FrameTracker(FrameSender.Client, FrameExtensions.None);
        var close = CloseFrame.Encode(1000, "bye", 0x12345678);

        tracker.Advance(close.AsSpan(0, close.Length - 1), StopAt.End);
        tracker.CloseSeen.ShouldBeFalse();
        tracker.Advance(close.AsSpan(close.Length - 1), StopAt.End);
        tracker.CloseSeen.ShouldBeTrue();
    }

    [Fact]
    public void SkipPayload_CountsAsSeen()
    {
        var tracker = new FrameTracker(FrameSender.Server, FrameExtensions.None);
        tracker.Advance(Convert.FromHexString("827f0000000100000000aabb"), StopAt.End);

        tracker.PayloadRemaining.ShouldBe(0x100000000UL - 2);
        Should.Throw<ArgumentOutOfRangeException>(() => tracker.SkipPayload(0x100000000UL));
        tracker.SkipPayload(0x100000000UL - 2);
        tracker.AtMessageBoundary.ShouldBeTrue();
    }

    [Fact]
    public void Advance_AnyCuts_SameStateAndSamePlace()
    {
        // Bytes that make headers likely, and short lengths, so that a stream holds many frames.
        var gen = Gen.Elements<byte>(0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x85, 0x88, 0x89, 0x8a, 0xc1, 0x7e, 0x7f, 0xfe, 0xff).ArrayOf();
        Prop.ForAll(
                gen.ToArbitrary(),
                Gen.Choose(1, 9).ToArbitrary(),
                (data, step) =>
                {
                    foreach (var sender in new[] { FrameSender.Client, FrameSender.Server })
                    {
                        var whole = new FrameTracker(sender, FrameExtensions.Deflate);
                        var consumed = whole.Advance(data, StopAt.End);
                        var cut = new FrameTracker(sender, FrameExtensions.Deflate);
                        var total = 0;
                        for (var at = 0; at < data.Length; at += step)
                        {
                            total += cut.Advance(data.AsSpan(at, Math.Min(step, data.Length - at)), StopAt.End);
                        }

                        if (consumed != total || State(whole) != State(cut))
                        {
                            return false;
                        }
                    }

                    return true;
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }

    [Fact]
    public void Advance_ValidFrames_EveryBoundaryIsFound()
    {
        var random = new Random(6455);
        for (var round = 0; round < 300; round++)
        {
            var stream = new List<byte>();
            var boundaries = new List<int>();
            for (var frame = 0; frame < 8; frame++)
            {
                var length = random.Next(4) switch
                {
                    0 => 0,
                    1 => random.Next(126),
                    2 => random.Next(126, 300),
                    _ => random.Next(65536, 65600),
                };
                var header = new byte[FrameHeader.MaxSize];
                var size = FrameHeader.Write(header, 0x82, length, (uint)random.Next());
                stream.AddRange(header[..size]);
                stream.AddRange(new byte[length]);
                boundaries.Add(stream.Count);
            }

            var data = stream.ToArray();
            var tracker = new FrameTracker(FrameSender.Client, FrameExtensions.None);
            var found = new List<int>();
            for (var at = 0; at < data.Length; )
            {
                // Past the boundary first, for a stop is at once where one already is.
                at += tracker.Advance(data.AsSpan(at, 1), StopAt.End);
                at += tracker.Advance(data.AsSpan(at), StopAt.Frame);
                found.Add(at);
            }

            found.ShouldBe(boundaries);
        }
    }

    private static (bool, bool, bool, ulong, FrameError) State(FrameTracker tracker) =>
        (tracker.AtFrameBoundary, tracker.AtMessageBoundary, tracker.CloseSeen, tracker.PayloadRemaining, tracker.Error);
}
