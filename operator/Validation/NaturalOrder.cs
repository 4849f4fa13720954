namespace Mooring.Operator.Validation;

/// <summary>Orders paths so that <c>listeners[2]</c> comes before <c>listeners[10]</c>.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static readonly NaturalOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        var left = x.AsSpan();
        var right = y.AsSpan();
        while (!left.IsEmpty && !right.IsEmpty)
        {
            var (a, b) = (Digits(left), Digits(right));
            var order = a > 0 && b > 0 ? CompareNumbers(left[..a], right[..b]) : left[0].CompareTo(right[0]);
            if (order != 0)
            {
                return order;
            }

            left = left[Math.Max(a > 0 && b > 0 ? a : 1, 1)..];
            right = right[Math.Max(a > 0 && b > 0 ? b : 1, 1)..];
        }

        return left.Length.CompareTo(right.Length);
    }

    private static int Digits(ReadOnlySpan<char> text)
    {
        var count = text.IndexOfAnyExceptInRange('0', '9');
        return count < 0 ? text.Length : count;
    }

    // Of numbers without leading zeros, the longer is the greater.
    private static int CompareNumbers(ReadOnlySpan<char> left, ReadOnlySpan<char> right) =>
        left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.SequenceCompareTo(right);
}
