using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>The keys that session tickets are sealed with at one time: one to seal with and those before it to open with. Immutable.</summary>
/// <remarks>
/// TLS 1.3: derived from the private key of the listener's first certificate and the hour, so that every gateway with that certificate
/// has the same keys without a word between them, and a client resumes on whichever it reaches. Who has the private key can open these
/// tickets; that gives away no traffic, since resumption has its own Diffie-Hellman exchange (psk_dhe_ke, RFC 8446 §4.2.9).
/// TLS 1.2: random, of this process alone and forgotten after three hours, since such a ticket holds the key of its session's traffic; so a
/// client resumes at the gateway that it was on, and costs a full handshake elsewhere.
/// </remarks>
internal sealed class TicketKeys
{
    public const int NameBytes = 16;
    public const int SecretBytes = 32;
    public static readonly TimeSpan Period = TimeSpan.FromHours(1);

    /// <summary>Name, AES-256 key and HMAC-SHA256 key.</summary>
    private const int KeyBytes = NameBytes + SecretBytes + SecretBytes;

    /// <summary>Periods before the present one whose tickets are still taken: above a ticket's life of 2 h.</summary>
    private const int PastPeriods = 2;

    private static ReadOnlySpan<byte> SharedLabel => "mooring tls 1.3 ticket"u8;

    private readonly byte[] _shared;
    private readonly byte[] _local;

    private TicketKeys(long period, byte[] shared, byte[] local) => (PeriodNumber, _shared, _local) = (period, shared, local);

    /// <summary>Hours since 1970.</summary>
    public long PeriodNumber { get; }

    /// <summary>What the shared keys are derived from.</summary>
    /// <param name="privateKey">The key as the PEM file has it, decoded.</param>
    /// <param name="scope">Tickets of one scope are no good in another: the listener and what it asks of clients.</param>
    public static byte[] Seed(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> scope)
    {
        var seed = new byte[SecretBytes];
        HKDF.Extract(HashAlgorithmName.SHA256, privateKey, scope, seed);
        return seed;
    }

    /// <summary>The keys of a moment.</summary>
    /// <param name="seeds">The seed in force, and seeds before it whose tickets are still taken.</param>
    /// <param name="now">By the wall clock, which a fleet's gateways share within a few minutes: the next hour's tickets are taken too.</param>
    /// <param name="before">Those of the moment before, for the local keys; null at first.</param>
    public static TicketKeys At(IReadOnlyList<byte[]> seeds, DateTimeOffset now, TicketKeys? before)
    {
        var period = now.ToUnixTimeSeconds() / (long)Period.TotalSeconds;
        // Present first: it seals. The rest only open.
        long[] offsets = [0, 1, .. Enumerable.Range(1, PastPeriods).Select(static back => -(long)back)];
        var shared = GC.AllocateUninitializedArray<byte>(seeds.Count * offsets.Length * KeyBytes, pinned: true);
        var at = 0;
        Span<byte> info = stackalloc byte[64];
        SharedLabel.CopyTo(info);
        foreach (var seed in seeds)
        {
            foreach (var offset in offsets)
            {
                BinaryPrimitives.WriteInt64BigEndian(info[SharedLabel.Length..], period + offset);
                HKDF.Expand(HashAlgorithmName.SHA256, seed, shared.AsSpan(at, KeyBytes), info[..(SharedLabel.Length + sizeof(long))]);
                at += KeyBytes;
            }
        }

        return new TicketKeys(period, shared, LocalAt(period, before));
    }

    /// <summary>The key to seal with.</summary>
    public unsafe byte* Sealing(bool tls13) => Pointer(tls13 ? _shared : _local, 0);

    /// <summary>The key with this name, or null.</summary>
    /// <param name="name"><see cref="NameBytes"/> bytes.</param>
    /// <param name="seals">It is also what seals now.</param>
    public unsafe byte* Find(ReadOnlySpan<byte> name, out bool seals)
    {
        foreach (var keys in (ReadOnlySpan<byte[]>)[_shared, _local])
        {
            for (var at = 0; at < keys.Length; at += KeyBytes)
            {
                if (name.SequenceEqual(keys.AsSpan(at, NameBytes)))
                {
                    seals = at == 0;
                    return Pointer(keys, at);
                }
            }
        }

        seals = false;
        return null;
    }

    /// <summary>A fresh key in front for each period that began, and the ones before it as long as they are good.</summary>
    private static byte[] LocalAt(long period, TicketKeys? before)
    {
        if (before?.PeriodNumber == period)
        {
            return before._local;
        }

        var elapsed = before is null ? PastPeriods + 1 : Math.Clamp(period - before.PeriodNumber, 1, PastPeriods + 1);
        var kept = before is null ? 0 : (int)Math.Max(0, Math.Min(before._local.Length / KeyBytes, PastPeriods + 1 - elapsed));
        var local = GC.AllocateUninitializedArray<byte>((1 + kept) * KeyBytes, pinned: true);
        RandomNumberGenerator.Fill(local.AsSpan(0, KeyBytes));
        before?._local.AsSpan(0, kept * KeyBytes).CopyTo(local.AsSpan(KeyBytes));
        return local;
    }

    // Pinned arrays never move; whoever calls holds this object meanwhile.
    private static unsafe byte* Pointer(byte[] keys, int at) =>
        (byte*)
            System.Runtime.CompilerServices.Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(keys))
        + at;
}
