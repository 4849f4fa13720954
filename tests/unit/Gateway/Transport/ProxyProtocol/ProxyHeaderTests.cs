using System.Net;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Tests.Transport.ProxyProtocol;

public sealed class ProxyHeaderTests
{
    private const int Max = ProxyHeader.MaxBytes;

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "192.0.2.7", 56324, "198.51.100.1", 443)]
    [InlineData("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\nrest", "255.255.255.255", 65535, "0.0.0.0", 0)]
    [InlineData("PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1 2\r\n", "2001:db8::1", 1, "10.0.0.1", 2)]
    public void V1_Good_IsRead(string line, string source, int sourcePort, string destination, int destinationPort)
    {
        var data = Encoding.ASCII.GetBytes(line);

        ProxyHeaderParser.Parse(data, ProxyVersions.Any, Max, out var header).Status.ShouldBe(ProxyStatus.Complete);

        header.HasAddresses.ShouldBeTrue();
        header.Length.ShouldBe(line.IndexOf('\n', StringComparison.Ordinal) + 1);
        header.Source.ShouldBe(NetworkAddress.From(IPAddress.Parse(source)));
        header.Destination.ShouldBe(NetworkAddress.From(IPAddress.Parse(destination)));
        ((int)header.SourcePort).ShouldBe(sourcePort);
        ((int)header.DestinationPort).ShouldBe(destinationPort);
    }

    [Theory]
    [InlineData("PROXY UNKNOWN\r\n")]
    [InlineData("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n")]
    public void V1_Unknown_HasNoAddresses(string line)
    {
        ProxyHeaderParser.Parse(Encoding.ASCII.GetBytes(line), ProxyVersions.V1, Max, out var header).Status.ShouldBe(ProxyStatus.Complete);
        header.HasAddresses.ShouldBeFalse();
        header.Length.ShouldBe(line.Length);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n", 0)]
    [InlineData("PRI * HTTP/2.0\r\n\r\n", 2)]
    [InlineData("PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n", 6)]
    [InlineData("PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n", 11)]
    [InlineData("PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n", 21)]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.256 1 2\r\n", 21)]
    [InlineData("PROXY TCP4 ::1 ::1 1 2\r\n", 11)]
    [InlineData("PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n", 11)]
    [InlineData("PROXY TCP6 ::1%eth0 ::1 1 2\r\n", 11)]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n", 34)]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 1 02\r\n", 36)]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n", 36)]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n", 37)]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n", 37)]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\rx", 38)]
    public void V1_Bad_NamesTheByte(string line, int offset)
    {
        var result = ProxyHeaderParser.Parse(Encoding.ASCII.GetBytes(line), ProxyVersions.Any, Max, out _);
        result.Status.ShouldBe(ProxyStatus.Error);
        result.Offset.ShouldBe(offset);
        result.Reason.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public void V1_LongerThanTheLongest_IsRefusedAtThatLength()
    {
        var endless = Encoding.ASCII.GetBytes("PROXY UNKNOWN " + new string('x', 500));
        ProxyHeaderParser.Parse(endless.AsSpan(0, 106), ProxyVersions.Any, Max, out _).Status.ShouldBe(ProxyStatus.NeedMore);
        ProxyHeaderParser
            .Parse(endless.AsSpan(0, 107), ProxyVersions.Any, Max, out _)
            .ShouldBe(ProxyParse.Error(107, "a line of more than 107 bytes"));
    }

    [Theory]
    [InlineData(12, 0x11, 12)] // version 1 in a header of version 2
    [InlineData(12, 0x22, 12)] // command 2
    [InlineData(13, 0x41, 13)] // family 4
    [InlineData(13, 0x13, 13)] // transport 3
    [InlineData(15, 11, 14)] // shorter than its addresses
    [InlineData(15, 14, 28)] // a TLV of two bytes
    [InlineData(5, 0xFF, 5)] // the signature
    public void V2_Bad_NamesTheByte(int at, int value, int offset)
    {
        Span<byte> data = stackalloc byte[ProxyHeader.MaxWrittenBytes];
        ProxyHeaderWriter.WriteV2(Addresses("192.0.2.7", "198.51.100.1"), new ProxyWords { Authority = "a"u8 }, false, data);
        data[at] = (byte)value;
        var result = ProxyHeaderParser.Parse(data, ProxyVersions.Any, Max, out _);
        result.Status.ShouldBe(ProxyStatus.Error);
        result.Offset.ShouldBe(offset);
    }

    [Fact]
    public void V2_LongerThanTaken_IsRefusedBeforeItHasCome()
    {
        byte[] data = [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x11, 0x10, 0x00];
        ProxyHeaderParser.Parse(data, ProxyVersions.Any, Max, out _).ShouldBe(ProxyParse.Error(14, "longer than is taken"));
    }

    [Fact]
    public void V2_Local_DropsItsBlockUnread()
    {
        byte[] data = [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x20, 0xFF, 0, 3, 9, 9, 9];
        ProxyHeaderParser.Parse(data, ProxyVersions.Any, Max, out var header).Status.ShouldBe(ProxyStatus.Complete);
        header.IsLocal.ShouldBeTrue();
        header.HasAddresses.ShouldBeFalse();
        header.Length.ShouldBe(19);
    }

    [Fact]
    public void V2_SslTlv_IsTakenApart()
    {
        byte[] inner = [0x21, 0, 7, .. "TLSv1.3"u8, 0x22, 0, 4, .. "anne"u8, 0x23, 0, 2, .. "ab"u8];
        byte[] ssl = [0x20, 0, (byte)(5 + inner.Length), 1, 0, 0, 0, 0, .. inner];
        byte[] rest = [1, 0, 2, .. "h2"u8, .. ssl, 0xEA, 0, 1, 7, 4, 0, 0];
        byte[] data = [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x11, 0, (byte)(12 + rest.Length), .. new byte[12], .. rest];

        ProxyHeaderParser.Parse(data, ProxyVersions.V2, Max, out var header).Status.ShouldBe(ProxyStatus.Complete);

        header.Tlvs.Secure.ShouldBeTrue();
        Encoding.ASCII.GetString(header.Tlvs.SslVersionRange.Of(data)).ShouldBe("TLSv1.3");
        Encoding.ASCII.GetString(header.Tlvs.SslCommonNameRange.Of(data)).ShouldBe("anne");
        Encoding.ASCII.GetString(header.Tlvs.AlpnRange.Of(data)).ShouldBe("h2");
    }

    /// <summary>Byte for byte, by the specification's <c>struct pp2_tlv_ssl</c>.</summary>
    [Fact]
    public void Write_SslTlv_IsTheSpecifications()
    {
        var words = new ProxyWords
        {
            Alpn = "h2"u8,
            HasSsl = true,
            Client = ProxyClient.Ssl | ProxyClient.CertificateNow | ProxyClient.CertificateInSession,
            Verify = 0x0102_0304,
            SslVersion = "TLSv1.3"u8,
            SslCommonName = "anne"u8,
            SslCipher = "ab"u8,
        };
        byte[] inner = [0x21, 0, 7, .. "TLSv1.3"u8, 0x22, 0, 4, .. "anne"u8, 0x23, 0, 2, .. "ab"u8];
        byte[] tlvs = [1, 0, 2, .. "h2"u8, 0x20, 0, (byte)(5 + inner.Length), 7, 1, 2, 3, 4, .. inner];
        var data = new byte[ProxyHeader.MaxWrittenBytes];
        var length = ProxyHeaderWriter.WriteV2(Addresses("192.0.2.7", "198.51.100.1"), words, crc32C: false, data);
        data[28..length].ShouldBe(tlvs);
        ((data[14] << 8) | data[15]).ShouldBe(12 + tlvs.Length);
        ProxyHeaderWriter
            .WriteV2(Addresses("192.0.2.7", "198.51.100.1"), new ProxyWords { HasSsl = true, Verify = 1 }, false, data)
            .ShouldBe(36);
        data[28..36].ShouldBe([0x20, 0, 5, 0, 0, 0, 0, 1]);
    }

    [Fact]
    public void Versions_OneThatIsNotTaken_IsNoHeader()
    {
        ProxyHeaderParser.Parse("PROXY UNKNOWN\r\n"u8, ProxyVersions.V2, Max, out _).Status.ShouldBe(ProxyStatus.Error);
        ProxyHeaderParser.Parse("\r\n\r\n\0\r\nQUIT\n"u8, ProxyVersions.V1, Max, out _).Status.ShouldBe(ProxyStatus.Error);
    }

    [Fact]
    public void Write_AnyAddressesAndTlvs_AreReadBack() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var addresses = RandomAddresses(random);
                    var authority = RandomText(random, 255);
                    var uniqueId = RandomText(random, 128);
                    var (alpn, version, name, cipher) = (
                        RandomText(random, 255),
                        RandomText(random, 7),
                        RandomText(random, 255),
                        RandomText(random, 40)
                    );
                    var ssl = random.Next(2) == 0;
                    var words = new ProxyWords
                    {
                        Alpn = alpn,
                        Authority = authority,
                        UniqueId = uniqueId,
                        HasSsl = ssl,
                        Client = ProxyClient.Ssl,
                        SslVersion = version,
                        SslCommonName = name,
                        SslCipher = cipher,
                    };
                    var crc = random.Next(2) == 0;
                    Span<byte> data = new byte[ProxyHeader.MaxWrittenBytes];
                    var v2 = random.Next(2) == 0;
                    var length = v2 ? ProxyHeaderWriter.WriteV2(addresses, words, crc, data) : ProxyHeaderWriter.WriteV1(addresses, data);
                    random.NextBytes(data[length..]);

                    // Each shorter piece asks for more; the whole, and what follows, is the header.
                    for (var i = 0; i < length; i++)
                    {
                        ProxyHeaderParser
                            .Parse(data[..i], ProxyVersions.Any, Max, out _)
                            .Status.ShouldBe(ProxyStatus.NeedMore, $"{i} bytes, seed {seed}");
                    }

                    ProxyHeaderParser
                        .Parse(data, ProxyVersions.Any, Max, out var header)
                        .Status.ShouldBe(ProxyStatus.Complete, $"seed {seed}");
                    header.Length.ShouldBe(length);
                    new ProxyAddresses(header.Source, header.SourcePort, header.Destination, header.DestinationPort).ShouldBe(addresses);
                    header.Tlvs.AuthorityRange.Of(data).SequenceEqual(v2 ? authority : []).ShouldBeTrue();
                    header.Tlvs.UniqueIdRange.Of(data).SequenceEqual(v2 ? uniqueId : []).ShouldBeTrue();
                    header.Tlvs.AlpnRange.Of(data).SequenceEqual(v2 ? alpn : []).ShouldBeTrue();
                    header.Tlvs.Secure.ShouldBe(v2 && ssl);
                    header.Tlvs.SslVersionRange.Of(data).SequenceEqual(v2 && ssl ? version : []).ShouldBeTrue();
                    header.Tlvs.SslCommonNameRange.Of(data).SequenceEqual(v2 && ssl ? name : []).ShouldBeTrue();
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Write_LongestOfEverything_FindsRoom()
    {
        var text = new byte[ProxyTlvs.MaxText];
        text.AsSpan().Fill((byte)'x');
        var words = new ProxyWords
        {
            Alpn = text,
            Authority = text,
            UniqueId = text.AsSpan(0, ProxyTlvs.MaxUniqueId),
            HasSsl = true,
            SslVersion = text,
            SslCommonName = text,
            SslCipher = text,
        };
        var data = new byte[ProxyHeader.MaxWrittenBytes];
        var length = ProxyHeaderWriter.WriteV2(RandomAddresses(new Random(1)), words, crc32C: true, data);
        ProxyHeaderParser.Parse(data.AsSpan(0, length), ProxyVersions.V2, Max, out _).Status.ShouldBe(ProxyStatus.Complete);
    }

    [Fact]
    public void Crc32C_AnyBitFlipped_IsNotTaken() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    Span<byte> data = new byte[ProxyHeader.MaxWrittenBytes];
                    var length = ProxyHeaderWriter.WriteV2(
                        RandomAddresses(random),
                        new ProxyWords { Authority = RandomText(random, 20) },
                        crc32C: true,
                        data
                    );
                    // Of the addresses: a flip in a length may ask for more, which ends by the timeout.
                    var bit = random.Next(16 * 8, 28 * 8);
                    data[bit / 8] ^= (byte)(1 << (bit % 8));
                    var result = ProxyHeaderParser.Parse(data[..length], ProxyVersions.Any, Max, out _);
                    result.Reason.ShouldBe("the CRC32c is wrong", $"seed {seed}");
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void AddressText_IsAsTheFrameworkReadsIt() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var bytes = new byte[16];
                    random.NextBytes(bytes);
                    // Runs of zeros, so that "::" shows up everywhere.
                    bytes.AsSpan(random.Next(16)..).Clear();
                    var address = random.Next(3) == 0 ? new IPAddress(bytes.AsSpan(0, 4)).MapToIPv6() : new IPAddress(bytes);
                    Span<byte> read = stackalloc byte[16];
                    read.Clear();
                    AddressText.TryParseIPv6(Encoding.ASCII.GetBytes(address.ToString()), read).ShouldBeTrue($"{address}, seed {seed}");
                    new IPAddress(read).ShouldBe(address);
                }
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("::")]
    [InlineData("1::")]
    [InlineData("::1")]
    [InlineData("1:2:3:4:5:6:7:8")]
    [InlineData("1:2:3:4:5:6:7::")]
    [InlineData("::2:3:4:5:6:7:8")]
    [InlineData("64:ff9b::192.0.2.33")]
    public void AddressText_GoodIPv6_IsRead(string text)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        AddressText.TryParseIPv6(Encoding.ASCII.GetBytes(text), bytes).ShouldBeTrue();
        new IPAddress(bytes).ShouldBe(IPAddress.Parse(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":1")]
    [InlineData("1:")]
    [InlineData("1:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("1:2:3:4:5:6:7:8::")]
    [InlineData("::1:2:3:4:5:6:7:8")]
    [InlineData("1::2::3")]
    [InlineData(":::")]
    [InlineData("12345::")]
    [InlineData("::1.2.3")]
    [InlineData("::1.2.3.4.5")]
    [InlineData("1:2:3:4:5:6:7:1.2.3.4")]
    [InlineData("[::1]")]
    [InlineData("::g")]
    public void AddressText_BadIPv6_IsRefused(string text)
    {
        var bytes = new byte[16];
        AddressText.TryParseIPv6(Encoding.ASCII.GetBytes(text), bytes).ShouldBeFalse();
    }

    internal static ProxyAddresses RandomAddresses(Random random)
    {
        var v4 = random.Next(2) == 0;
        return new ProxyAddresses(
            RandomAddress(random, v4),
            (ushort)random.Next(65536),
            RandomAddress(random, v4),
            (ushort)random.Next(65536)
        );
    }

    private static NetworkAddress RandomAddress(Random random, bool v4)
    {
        var bytes = new byte[v4 ? 4 : 16];
        random.NextBytes(bytes);
        return NetworkAddress.From(new IPAddress(bytes));
    }

    private static byte[] RandomText(Random random, int longest)
    {
        var bytes = new byte[random.Next(longest + 1)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static ProxyAddresses Addresses(string source, string destination) =>
        new(NetworkAddress.From(IPAddress.Parse(source)), 1, NetworkAddress.From(IPAddress.Parse(destination)), 2);
}
