using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Hub.Fossil;

namespace Mooring.Gateway.Tests.Hub;

public sealed class FossilDeltaTests
{
    [Fact]
    public void Delta_Applied_GivesTheTarget() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(500),
            Prop.ForAll(
                Gen.Choose(0, 1_000_000).ToArbitrary(),
                seed =>
                {
                    var (source, target) = Texts(new Random(seed));
                    if (FossilDelta.TryCreate(source, target) is { } delta)
                    {
                        delta.Length.ShouldBeLessThan(target.Length);
                        Apply(source, delta).ShouldBe(target);
                    }
                }
            )
        );

    [Fact]
    public void Delta_OneWordOfMany_IsShort()
    {
        var source = Encoding.UTF8.GetBytes(string.Join(' ', Enumerable.Range(0, 500).Select(i => $"word{i}")));
        var target = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(source).Replace("word250", "other", StringComparison.Ordinal));

        var delta = FossilDelta.TryCreate(source, target).ShouldNotBeNull();

        delta.Length.ShouldBeLessThan(60);
        Apply(source, delta).ShouldBe(target);
    }

    [Fact]
    public void Delta_NothingInCommon_IsNone() =>
        FossilDelta.TryCreate(Encoding.UTF8.GetBytes(new string('a', 100)), Encoding.UTF8.GetBytes(new string('b', 100))).ShouldBeNull();

    [Fact]
    public void Delta_OfRepetitions_TakesNoLongTime()
    {
        var source = new byte[1 << 20];
        Array.Fill(source, (byte)'x');

        Apply(source, FossilDelta.TryCreate(source, source).ShouldNotBeNull()).ShouldBe(source);
    }

    private static (byte[] Source, byte[] Target) Texts(Random random)
    {
        var words = Enumerable.Range(0, random.Next(1, 80)).Select(_ => random.Next(4) == 0 ? "ünï☃" : $"w{random.Next(30)}").ToList();
        var changed = words.ToList();
        for (var edits = random.Next(6); edits > 0; edits--)
        {
            var at = random.Next(changed.Count + 1);
            if (random.Next(2) == 0 && at < changed.Count)
            {
                changed.RemoveAt(at);
            }
            else
            {
                changed.Insert(at, $"new{random.Next(100)}");
            }
        }

        return (Encoding.UTF8.GetBytes(string.Join(' ', words)), Encoding.UTF8.GetBytes(string.Join(' ', changed)));
    }

    /// <summary>As Fossil's documentation says, written apart from the encoder.</summary>
    private static byte[] Apply(byte[] source, byte[] delta)
    {
        const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
        var at = 0;
        var output = new List<byte>();
        var size = Number();
        ((char)delta[at++]).ShouldBe('\n');
        while (true)
        {
            var count = Number();
            switch ((char)delta[at++])
            {
                case '@':
                    var offset = Number();
                    ((char)delta[at++]).ShouldBe(',');
                    output.AddRange(source[(int)offset..(int)(offset + count)]);
                    break;
                case ':':
                    output.AddRange(delta[at..(at + (int)count)]);
                    at += (int)count;
                    break;
                case ';':
                    output.Count.ShouldBe((int)size);
                    count.ShouldBe(FossilDelta.Checksum(output.ToArray()));
                    at.ShouldBe(delta.Length);
                    return [.. output];
                default:
                    throw new InvalidOperationException("no such operator");
            }
        }

        uint Number()
        {
            uint value = 0;
            while (Digits.Contains((char)delta[at], StringComparison.Ordinal))
            {
                value = (value * 64) + (uint)Digits.IndexOf((char)delta[at++], StringComparison.Ordinal);
            }

            return value;
        }
    }
}
