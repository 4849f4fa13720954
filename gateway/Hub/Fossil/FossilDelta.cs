using System.Runtime.InteropServices;
using System.Text.Unicode;

namespace Mooring.Gateway.Hub.Fossil;

/// <summary>Makes deltas in Fossil's format (fossil-scm.org, "Fossil Delta Format"): how to get one text out of another. Pure.</summary>
/// <remarks>
/// The source is cut into blocks of 16 bytes that are indexed by a rolling hash; the target is searched for them, and each match is grown both ways.
/// What is in between goes as literals.
/// </remarks>
internal static class FossilDelta
{
    private const int Block = 16;

    /// <summary>Blocks with the same hash that are tried, so that text that repeats itself costs no more than other text.</summary>
    private const int MaxTries = 32;

    /// <summary>Longest source and target; with more the whole target is sent.</summary>
    private const int MaxBytes = 1 << 20;

    /// <summary>The delta; null: there is none that is shorter than the target, or none that is valid UTF-8, as JSON strings must be.</summary>
    public static byte[]? TryCreate(ReadOnlySpan<byte> source, ReadOnlySpan<byte> target)
    {
        if (source.Length < Block || target.Length < Block || source.Length > MaxBytes || target.Length > MaxBytes)
        {
            return null;
        }

        var delta = new DeltaWriter(target.Length - 1);
        delta.Number((uint)target.Length);
        delta.Byte((byte)'\n');
        Write(source, target, ref delta);
        if (delta.IsTooLong)
        {
            return null;
        }

        delta.Number(Checksum(target));
        delta.Byte((byte)';');
        return !delta.IsTooLong && Utf8.IsValid(delta.Written) ? delta.Written.ToArray() : null;
    }

    /// <summary>Sum of the target's bytes as 32-bit big-endian numbers, the last one filled up with zeros.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            sum += (uint)bytes[i] << (24 - ((i & 3) * 8));
        }

        return sum;
    }

    private static void Write(ReadOnlySpan<byte> source, ReadOnlySpan<byte> target, ref DeltaWriter delta)
    {
        var index = new BlockIndex(source);
        var literal = 0;
        var at = 0;
        var hash = BlockIndex.Hash(target);
        while (at + Block <= target.Length)
        {
            if (!index.TryFind(source, target, at, literal, hash, out var match))
            {
                if (at + Block == target.Length)
                {
                    break;
                }

                hash = BlockIndex.Roll(hash, target[at], target[at + Block]);
                at++;
                continue;
            }

            Literal(target[literal..match.Target], ref delta);
            delta.Number((uint)match.Length);
            delta.Byte((byte)'@');
            delta.Number((uint)match.Source);
            delta.Byte((byte)',');
            literal = at = match.Target + match.Length;
            if (delta.IsTooLong)
            {
                return;
            }

            if (at + Block <= target.Length)
            {
                hash = BlockIndex.Hash(target[at..]);
            }
        }

        Literal(target[literal..], ref delta);
    }

    private static void Literal(ReadOnlySpan<byte> bytes, ref DeltaWriter delta)
    {
        if (!bytes.IsEmpty)
        {
            delta.Number((uint)bytes.Length);
            delta.Byte((byte)':');
            delta.Bytes(bytes);
        }
    }

    private readonly record struct Match(int Source, int Target, int Length);

    /// <summary>Blocks of the source by hash: heads and chains of block numbers.</summary>
    private readonly ref struct BlockIndex
    {
        private readonly int[] _heads;
        private readonly int[] _next;

        public BlockIndex(ReadOnlySpan<byte> source)
        {
            var blocks = source.Length / Block;
            _heads = new int[blocks];
            _next = new int[blocks];
            Array.Fill(_heads, -1);
            // From the end, so that a chain begins with the block that is nearest to the beginning.
            for (var i = blocks - 1; i >= 0; i--)
            {
                var slot = Hash(source[(i * Block)..]) % (uint)blocks;
                _next[i] = _heads[slot];
                _heads[slot] = i;
            }
        }

        /// <summary>Of the first 16 bytes: a sum, and a sum weighted by place, 16 bits each.</summary>
        public static uint Hash(ReadOnlySpan<byte> bytes)
        {
            uint sum = 0;
            uint weighted = 0;
            for (var i = 0; i < Block; i++)
            {
                sum += bytes[i];
                weighted += (uint)(Block - i) * bytes[i];
            }

            return (sum & 0xFFFF) | (weighted << 16);
        }

        public static uint Roll(uint hash, byte leaves, byte enters)
        {
            var sum = ((hash & 0xFFFF) - leaves + enters) & 0xFFFF;
            var weighted = ((hash >> 16) - (Block * (uint)leaves) + sum) & 0xFFFF;
            return sum | (weighted << 16);
        }

        /// <summary>The longest match that covers the target's block at <paramref name="at"/> and does not reach back before <paramref name="literal"/>.</summary>
        public bool TryFind(ReadOnlySpan<byte> source, ReadOnlySpan<byte> target, int at, int literal, uint hash, out Match best)
        {
            best = default;
            var block = _heads[hash % (uint)_heads.Length];
            for (var tries = 0; block >= 0 && tries < MaxTries; tries++, block = _next[block])
            {
                var from = block * Block;
                var forward = source[from..].CommonPrefixLength(target[at..]);
                if (forward < Block)
                {
                    continue;
                }

                var back = 0;
                while (back < from && back < at - literal && source[from - back - 1] == target[at - back - 1])
                {
                    back++;
                }

                if (forward + back > best.Length)
                {
                    best = new Match(from - back, at - back, forward + back);
                }
            }

            return best.Length > 0;
        }
    }

    /// <summary>Writes fewer bytes than the target has: a longer delta is of no use.</summary>
    private ref struct DeltaWriter(int limit)
    {
        private readonly byte[] _bytes = new byte[limit];
        private int _length;

        public bool IsTooLong { get; private set; }

        public readonly ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

        public void Byte(byte value) => Bytes(MemoryMarshal.CreateReadOnlySpan(ref value, 1));

        public void Bytes(scoped ReadOnlySpan<byte> bytes)
        {
            if (IsTooLong || bytes.Length > _bytes.Length - _length)
            {
                IsTooLong = true;
                return;
            }

            bytes.CopyTo(_bytes.AsSpan(_length));
            _length += bytes.Length;
        }

        /// <summary>In base 64 with Fossil's digits, the highest first.</summary>
        public void Number(uint value)
        {
            var digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"u8;
            Span<byte> text = stackalloc byte[6];
            var at = text.Length;
            do
            {
                text[--at] = digits[(int)(value & 63)];
                value >>= 6;
            } while (value > 0);

            Bytes(text[at..]);
        }
    }
}
