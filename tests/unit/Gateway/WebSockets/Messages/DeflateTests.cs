using System.Text;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Tests.WebSockets.Messages;

public sealed class DeflateTests
{
    private static readonly DeflateAgreement NoTakeover = new(15, false, false);

    // RFC 7692 §7.2.3.
    [Theory]
    [InlineData("c107f248cdc9c90700", "text:Hello")]
    [InlineData("4103f248cd 8004c9c90700", "text:Hello")]
    [InlineData("4103f248cd 8900 8004c9c90700", "ping:|text:Hello")]
    [InlineData("c10b000500faff48656c6c6f00", "text:Hello")]
    [InlineData("c108f348cdc9c9070000", "text:Hello")]
    [InlineData("c10df248050000 00ffffcac9c90700", "text:Hello")]
    [InlineData("c10100", "text:")]
    [InlineData("c107f248cdc9c90700 810548656c6c6f c107f248cdc9c90700", "text:Hello|text:Hello|text:Hello")]
    public void TryRead_Rfc7692Examples_Inflate(string frames, string expected)
    {
        var data = ClientFrames.Masked(frames);
        foreach (var step in new[] { int.MaxValue, 1, 4 })
        {
            string.Join('|', ClientFrames.Read(data, step, deflate: NoTakeover)).ShouldBe(expected);
        }
    }

    [Fact]
    public void TryRead_Rfc7692SharedWindow_OnlyWithTakeover()
    {
        var data = ClientFrames.Masked("c107f248cdc9c90700 c105f200110000");

        ClientFrames.Read(data, deflate: new DeflateAgreement(15, false, true)).ShouldBe(["text:Hello", "text:Hello"]);
        ClientFrames.Read(data, deflate: NoTakeover).ShouldBe(["text:Hello", "error:1007 compressed data is not valid"]);
    }

    [Theory]
    [InlineData("c9807f", "1002 a control frame cannot be compressed")]
    [InlineData("c18107000000 07", "1007 compressed data is not valid")]
    [InlineData("0100 4000", "1002 only the first frame of a message says that it is compressed")]
    public void TryRead_BrokenCompression_ExactCodeAndReason(string hex, string error)
    {
        hex = hex.Replace(" ", "", StringComparison.Ordinal);
        var data = hex switch
        {
            "c9807f" => ClientFrames.Frame(0xC9, []),
            "c1810700000007" => ClientFrames.Frame(0xC1, [0x07, 0x07, 0x07]),
            _ => [.. ClientFrames.Frame(0x01, []), .. ClientFrames.Frame(0x40, [])],
        };
        ClientFrames.Read(data, deflate: NoTakeover).ShouldBe(["error:" + error]);
    }

    [Fact]
    public void TryRead_CompressedTextThatIsNotUtf8_Is1007()
    {
        using var deflater = new Deflater(6, 15);
        var payload = deflater.Deflate([0x41, 0xC0], keepContext: false);

        ClientFrames.Read(ClientFrames.Frame(0xC1, payload), deflate: NoTakeover).ShouldBe(["error:1007 text is not UTF-8"]);
    }

    [Fact]
    public void TryRead_Bombs_StopAtTheirBounds()
    {
        using var deflater = new Deflater(9, 15);
        var bomb = deflater.Deflate(new byte[1_000_000], keepContext: false).ToArray();
        bomb.Length.ShouldBeLessThan(1_200);
        var frame = ClientFrames.Frame(0xC2, bomb);

        // By size, and by ratio where the size would let it pass.
        ClientFrames.Read(frame, deflate: NoTakeover).ShouldBe(["error:1009 message is too big"]);
        var large = new MessageLimits { MaxMessageBytes = 2_000_000 };
        ClientFrames.Read(frame, limits: large, deflate: NoTakeover).ShouldBe(["error:1009 message inflates too much"]);
        ClientFrames.Read(frame, limits: large with { MaxInflationRatio = 0 }, deflate: NoTakeover).Single().Length.ShouldBe(2_000_007);

        // And what it takes on the way is bounded too: the buffers grow up to the bound, by doubling, and no further.
        var before = GC.GetAllocatedBytesForCurrentThread();
        ClientFrames.Read(frame, deflate: NoTakeover).ShouldBe(["error:1009 message is too big"]);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(8 * new MessageLimits().MaxMessageBytes);

        // A small message that says the same over and over is no bomb.
        var harmless = ClientFrames.Frame(0xC2, deflater.Deflate(new byte[60_000], keepContext: false));
        ClientFrames.Read(harmless, limits: large, deflate: NoTakeover).Single().Length.ShouldBe(120_007);

        // The edge, to the byte.
        var exact = ClientFrames.Frame(0xC2, deflater.Deflate(new byte[1000], keepContext: false));
        ClientFrames
            .Read(exact, limits: new MessageLimits { MaxMessageBytes = 1000 }, deflate: NoTakeover)
            .Single()
            .ShouldStartWith("binary:");
        ClientFrames
            .Read(exact, limits: new MessageLimits { MaxMessageBytes = 999 }, deflate: NoTakeover)
            .ShouldBe(["error:1009 message is too big"]);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(12)]
    [InlineData(15)]
    public void Deflate_AnyWindow_StandsAloneAndInflates(int windowBits)
    {
        var random = new Random(windowBits);
        using var deflater = new Deflater(1, windowBits);
        using var inflater = new Inflater();
        for (var round = 0; round < 200; round++)
        {
            var message = new byte[random.Next(20_000)];
            for (var i = 0; i < message.Length; i++)
            {
                message[i] = (byte)(random.Next(4) == 0 ? random.Next(256) : i % 7);
            }

            // The same message after others gives the same bytes: nothing of them is left.
            var alone = Once(windowBits, message);
            var compressed = deflater.Deflate(message, keepContext: false);
            inflater.Inflate(compressed, message.Length, keepContext: false, out var inflated).ShouldBe(InflateResult.Done);
            inflated.SequenceEqual(message).ShouldBeTrue();
            inflater.Inflate(alone, message.Length, keepContext: false, out inflated).ShouldBe(InflateResult.Done);
            inflated.SequenceEqual(message).ShouldBeTrue();
        }
    }

    [Fact]
    public void Deflate_WithContext_RefersToEarlierMessages()
    {
        using var deflater = new Deflater(6, 15);
        using var inflater = new Inflater();
        var message = new byte[500];
        new Random(1).NextBytes(message);

        var first = deflater.Deflate(message, keepContext: true).Length;
        inflater.Inflate(deflater.Deflate(message, keepContext: true), 500, keepContext: true, out _).ShouldBe(InflateResult.Invalid);
        deflater.Deflate(message, keepContext: true).Length.ShouldBeLessThan(first / 10);
    }

    [Theory]
    [InlineData("permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover")]
    [InlineData("permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover; client_no_context_takeover")]
    [InlineData(
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
    )]
    [InlineData(
        "Permessage-Deflate ;Server_Max_Window_Bits=\"9\"",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
    )]
    [InlineData(
        "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, permessage-deflate",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    )]
    [InlineData("permessage-deflate; server_max_window_bits=8", "")]
    [InlineData("permessage-deflate; server_max_window_bits", "")]
    [InlineData("permessage-deflate; server_max_window_bits=16", "")]
    [InlineData("permessage-deflate; server_max_window_bits=7", "")]
    [InlineData("permessage-deflate; server_max_window_bits=010", "")]
    [InlineData("permessage-deflate; server_max_window_bits=1x", "")]
    [InlineData("permessage-deflate; client_max_window_bits=", "")]
    [InlineData("permessage-deflate; client_max_window_bits=16", "")]
    [InlineData("permessage-deflate; server_no_context_takeover=1", "")]
    [InlineData("permessage-deflate; client_no_context_takeover; client_no_context_takeover", "")]
    [InlineData("permessage-deflate; unknown", "")]
    [InlineData("permessage-deflate;", "")]
    [InlineData("permessage-deflate;;server_no_context_takeover", "")]
    [InlineData("permessage-bzip2", "")]
    public void Negotiate_Offers_FirstThatCanBeMet(string offer, string expected) => Answer(offer, new DeflateOptions()).ShouldBe(expected);

    [Theory]
    [InlineData("permessage-deflate", "permessage-deflate; server_max_window_bits=12")]
    [InlineData("permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=12; client_max_window_bits=11")]
    [InlineData("permessage-deflate; client_max_window_bits=10", "permessage-deflate; server_max_window_bits=12")]
    [InlineData(
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12"
    )]
    public void Negotiate_WithTakeoverAndSmallWindows_SaysSo(string offer, string expected) =>
        Answer(
                offer,
                new DeflateOptions
                {
                    ServerTakesOver = true,
                    ClientTakesOver = true,
                    ServerWindowBits = 12,
                    ClientWindowBits = 11,
                }
            )
            .ShouldBe(expected);

    [Fact]
    public void CompressedForms_CompressOncePerFrameAndWindow()
    {
        using var compressor = new MessageCompressor();
        var options = new DeflateOptions();
        var forms = default(CompressedForms);
        foreach (var length in new[] { 60, 20_000 })
        {
            var payload = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"price\":1.25}", length)));
            var plain = Plain(Opcode.Text, payload);
            ServerFrame.PayloadOf(plain).SequenceEqual(payload).ShouldBeTrue();

            var compressed = forms.For(plain, 15, options, compressor);
            var small = forms.For(plain, 9, options, compressor);

            compressed.Length.ShouldBeLessThan(plain.Length / 5);
            compressed[0].ShouldBe((byte)0xC1);
            forms.For(plain, 15, options, compressor).ShouldBeSameAs(compressed);
            forms.For(plain, 9, options, compressor).ShouldBeSameAs(small);
            small.ShouldNotBeSameAs(compressed);
            using var inflater = new Inflater();
            foreach (var frame in new[] { compressed, small })
            {
                inflater.Inflate(ServerFrame.PayloadOf(frame), payload.Length, false, out var inflated).ShouldBe(InflateResult.Done);
                inflated.SequenceEqual(payload).ShouldBeTrue();
            }
        }

        // Two windows, one level: that is all the native memory there is.
        compressor.Shared.ShouldBe(2);
    }

    [Fact]
    public void CompressedForms_ShortOrIncompressible_StayPlain()
    {
        using var compressor = new MessageCompressor();
        var noise = new byte[5000];
        new Random(5).NextBytes(noise);

        foreach (var payload in new[] { new byte[255], noise })
        {
            var plain = Plain(Opcode.Binary, payload);
            var forms = default(CompressedForms);
            forms.For(plain, 15, new DeflateOptions(), compressor).ShouldBeSameAs(plain);
            forms.For(plain, 15, new DeflateOptions(), compressor).ShouldBeSameAs(plain);
        }
    }

    [Fact]
    public void Compressor_OwnContext_IsReleased()
    {
        using var compressor = new MessageCompressor();
        var agreement = new DeflateAgreement(15, true, false);
        var state = new MessageState(agreement);

        compressor.TryCompress(ref state, agreement, new DeflateOptions(), new byte[300], out var first).ShouldBeTrue();
        first.Length.ShouldBeGreaterThan(0);
        compressor.Contexts.ShouldBe(1);
        compressor.Release(ref state);
        compressor.Contexts.ShouldBe(0);
    }

    // RFC 6455 §1.3.
    [Fact]
    public void SwitchAnswer_Rfc6455Example()
    {
        Span<byte> answer = stackalloc byte[SwitchAnswer.MaxBytes];
        var length = SwitchAnswer.Write("dGhlIHNhbXBsZSBub25jZQ=="u8, "chat"u8, "permessage-deflate"u8, answer);

        Encoding
            .ASCII.GetString(answer[..length])
            .ShouldBe(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n"
                    + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
            );
        SwitchAnswer.Write("dGhlIHNhbXBsZSBub25jZQ=="u8, default, default, answer[..100]).ShouldBe(-1);
    }

    [Fact]
    public void CloseReply_EchoesTheCodeOrNone()
    {
        Span<byte> reply = stackalloc byte[4];

        Convert.ToHexStringLower(reply[..CloseFrame.EncodeReply(1005, reply)]).ShouldBe("8800");
        Convert.ToHexStringLower(reply[..CloseFrame.EncodeReply(1000, reply)]).ShouldBe("880203e8");
    }

    private static string Answer(string offer, DeflateOptions options)
    {
        var (head, data) = Requests.Get("/", Requests.Upgrade + $"Sec-WebSocket-Extensions: {offer}\r\n");
        Span<byte> answer = stackalloc byte[DeflateOffer.MaxAnswerBytes];
        var agreement = DeflateOffer.Negotiate(head, data, options, answer, out var length);
        (agreement is null).ShouldBe(length == 0);
        return Encoding.ASCII.GetString(answer[..length]);
    }

    private static byte[] Plain(Opcode opcode, byte[] payload)
    {
        var frame = new byte[ServerFrame.SizeOf(payload.Length)];
        ServerFrame.Write(frame, opcode, payload, compressed: false);
        return frame;
    }

    private static byte[] Once(int windowBits, byte[] message)
    {
        using var deflater = new Deflater(1, windowBits);
        return deflater.Deflate(message, keepContext: false).ToArray();
    }
}
