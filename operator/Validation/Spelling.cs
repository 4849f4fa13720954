namespace Mooring.Operator.Validation;

/// <summary>Finds the known name that a misspelt one was meant to be.</summary>
internal static class Spelling
{
    /// <summary>The nearest of the names, or null where none is near: a third of the letters may differ.</summary>
    public static string? Nearest(string misspelt, IEnumerable<string> names)
    {
        // A longer name is not worth comparing: no known one is that long.
        if (misspelt.Length > 64)
        {
            return null;
        }

        var (distance, name) = names
            .Select(name => (Distance: Distance(misspelt.ToLowerInvariant(), name.ToLowerInvariant()), Name: name))
            .DefaultIfEmpty((int.MaxValue, ""))
            .Min();
        return distance <= Math.Max(1, misspelt.Length / 3) ? name : null;
    }

    // Levenshtein's, with one row.
    private static int Distance(string left, string right)
    {
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[right.Length];
    }
}
