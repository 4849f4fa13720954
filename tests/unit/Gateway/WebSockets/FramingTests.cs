using System.Text;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class FramingTests
{
    [Fact]
    public void CloseFrame_FromServer_IsPlain() =>
        Convert.ToHexStringLower(CloseFrame.Encode(1012, "draining")).ShouldBe("880a03f4647261696e696e67");

    [Fact]
    public void CloseFrame_FromClient_IsMasked()
    {
        var frame = CloseFrame.Encode(1001, "away", 0xA1B2C3D4);

        FrameHeader.TryRead(frame, out var header).ShouldBeTrue();
        header.Opcode.ShouldBe(Opcode.Close);
        header.MaskKey.ShouldBe(0xA1B2C3D4u);
        var payload = frame[header.Size..];
        FrameMask.Apply(payload, header.MaskKey!.Value);
        payload[..2].ShouldBe([0x03, 0xE9]);
        Encoding.UTF8.GetString(payload[2..]).ShouldBe("away");
    }

    [Theory]
    [InlineData(1005)]
    [InlineData(1006)]
    [InlineData(1015)]
    [InlineData(999)]
    [InlineData(2000)]
    [InlineData(5000)]
    public void CloseFrame_CodeThatMayNotBeSent_Throws(int code) => Should.Throw<ArgumentException>(() => CloseFrame.Encode(code, ""));

    [Fact]
    public void CloseFrame_ReasonBeyond123Bytes_Throws()
    {
        CloseFrame.Encode(1000, new string('x', 123)).Length.ShouldBe(127);
        Should.Throw<ArgumentException>(() => CloseFrame.Encode(1000, new string('é', 62)));
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(125, 2)]
    [InlineData(126, 4)]
    [InlineData(65535, 4)]
    [InlineData(65536, 10)]
    [InlineData(long.MaxValue, 10)]
    public void FrameHeader_RoundTrips(long length, int size)
    {
        Span<byte> buffer = stackalloc byte[FrameHeader.MaxSize];
        foreach (var key in new uint?[] { null, 0x01020304 })
        {
            var written = FrameHeader.Write(buffer, 0x82, length, key);

            written.ShouldBe(size + (key is null ? 0 : 4));
            FrameHeader.TryRead(buffer[..(written - 1)], out _).ShouldBeFalse();
            FrameHeader.TryRead(buffer[..written], out var header).ShouldBeTrue();
            header.ShouldBe(new FrameHeader(0x82, length, key, written));
        }
    }

    [Fact]
    public void FrameMask_AnyCuts_SameAsByteByByte()
    {
        var random = new Random(53);
        for (var round = 0; round < 200; round++)
        {
            var plain = new byte[random.Next(0, 300)];
            random.NextBytes(plain);
            var key = new byte[4];
            random.NextBytes(key);
            var expected = plain.Select((value, i) => (byte)(value ^ key[i % 4])).ToArray();

            var masked = plain.ToArray();
            var cut = random.Next(plain.Length + 1);
            var rest = FrameMask.Apply(masked.AsSpan(0, cut), BitConverter.ToUInt32(key));
            FrameMask.Apply(masked.AsSpan(cut), rest);

            masked.ShouldBe(expected);
        }
    }
}
