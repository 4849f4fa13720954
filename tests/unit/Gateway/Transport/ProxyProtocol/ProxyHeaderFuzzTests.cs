using System.Text;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Tests.Transport.ProxyProtocol;

/// <summary>Random mutations of good headers. MOORING_FUZZ_SEED and MOORING_FUZZ_ROUNDS try others, or more.</summary>
public sealed class ProxyHeaderFuzzTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public unsafe void Parse_MutatedHeaders_NeverThrowsNorReadsPastTheEnd()
    {
        var seed = Setting("MOORING_FUZZ_SEED", Environment.TickCount);
        var rounds = Setting("MOORING_FUZZ_ROUNDS", 200_000);
        output.WriteLine($"seed {seed}, {rounds} rounds");
        var random = new Random(seed);
        using var page = new GuardedPage();
        var counts = new int[3];
        for (var round = 0; round < rounds; round++)
        {
            var bytes = Mutate(Good(random), random);
            // Ends where the page ends: a read beyond kills the process.
            var data = page.Place(bytes);
            try
            {
                var result = ProxyHeaderParser.Parse(data, (ProxyVersions)random.Next(1, 4), ProxyHeader.MaxBytes, out var header);
                counts[(int)result.Status]++;
                if (result.Status == ProxyStatus.Complete)
                {
                    Check(header, data);
                }
                else if (result.Status == ProxyStatus.Error && (result.Offset < 0 || result.Offset > data.Length || result.Reason is null))
                {
                    throw new InvalidOperationException($"the error is at {result.Offset} of {data.Length} bytes");
                }
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"seed {seed}, round {round}: {Convert.ToHexString(bytes)}", error);
            }
        }

        // The mutations reach every outcome, or this would test nothing.
        counts.ShouldAllBe(count => count > rounds / 100);
    }

    private static void Check(ProxyHeader header, ReadOnlySpan<byte> data)
    {
        header.Length.ShouldBeInRange(13, Math.Min(data.Length, ProxyHeader.MaxBytes));
        var tlvs = header.Tlvs;
        foreach (
            var range in new[] { tlvs.AlpnRange, tlvs.AuthorityRange, tlvs.UniqueIdRange, tlvs.SslVersionRange, tlvs.SslCommonNameRange }
        )
        {
            (range.Start + range.Length).ShouldBeLessThanOrEqualTo(header.Length);
            range.Length.ShouldBeLessThanOrEqualTo(255);
        }
    }

    private static byte[] Good(Random random)
    {
        var data = new byte[ProxyHeader.MaxWrittenBytes];
        var addresses = ProxyHeaderTests.RandomAddresses(random);
        var length = random.Next(4) switch
        {
            0 => ProxyHeaderWriter.WriteV1(addresses, data),
            1 => ProxyHeaderWriter.WriteLocal(data),
            _ => ProxyHeaderWriter.WriteV2(
                addresses,
                new ProxyWords { Authority = Some(random), UniqueId = Some(random) },
                random.Next(2) == 0,
                data
            ),
        };
        byte[] ssl = [0x20, 0, 15, 1, 0, 0, 0, 0, 0x21, 0, 7, .. "TLSv1.3"u8];
        if (random.Next(3) == 0 && length + ssl.Length < data.Length && data[0] == '\r')
        {
            ssl.CopyTo(data, length);
            length += ssl.Length;
            data[14] = (byte)((length - 16) >> 8);
            data[15] = (byte)(length - 16);
        }

        return data[..length];
    }

    private static byte[] Some(Random random) => Encoding.ASCII.GetBytes(new string('a', random.Next(40)));

    private static byte[] Mutate(byte[] data, Random random)
    {
        var list = data.ToList();
        for (var changes = random.Next(4); changes > 0 && list.Count > 1; changes--)
        {
            var at = random.Next(list.Count);
            switch (random.Next(5))
            {
                case 0:
                    list[at] = (byte)random.Next(256);
                    break;
                case 1:
                    list[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    list.RemoveRange(at, list.Count - at);
                    break;
                case 3:
                    list.Insert(at, (byte)random.Next(256));
                    break;
                default:
                    list.RemoveAt(at);
                    break;
            }
        }

        return [.. list];
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : otherwise;
}
