// Named as in KubeOps where the concept is the same, so that moving to the packages stays mechanical.
namespace Mooring.Operator.Entities.Attributes;

/// <summary>What <c>kubectl explain</c> says of a field or type.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Class)]
public sealed class DescriptionAttribute(string text) : Attribute
{
    public string Text { get; } = text;
}

/// <summary>The field must be there.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RequiredAttribute : Attribute;

/// <summary>Bounds of a string's length, in characters.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class LengthAttribute(int minimum, int maximum) : Attribute
{
    public int Minimum { get; } = minimum;

    public int Maximum { get; } = maximum;
}

/// <summary>Bounds of the number of items in a list, or of entries in a map.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ItemsAttribute(int minimum, int maximum) : Attribute
{
    public int Minimum { get; } = minimum;

    public int Maximum { get; } = maximum;

    /// <summary>Longest text of an item, or of a map's value, in characters.</summary>
    public int MaxTextLength { get; init; } = 253;
}

/// <summary>Regular expression that a string matches; in a list of strings, each item.</summary>
/// <param name="expression">RE2, anchored.</param>
/// <param name="meaning">What it asks for, to complete "must be …".</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PatternAttribute(string expression, string meaning) : Attribute
{
    public string Expression { get; } = expression;

    public string Meaning { get; } = meaning;
}

/// <summary>The least value of a number.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RangeMinimumAttribute(long value) : Attribute
{
    public long Value { get; } = value;
}

/// <summary>The greatest value of a number.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RangeMaximumAttribute(long value) : Attribute
{
    public long Value { get; } = value;
}

/// <summary>A number or a text such as <c>500m</c> or <c>64Mi</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class QuantityAttribute : Attribute;

/// <summary>The values that a string may have.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AllowedValuesAttribute(params string[] values) : Attribute
{
    public IReadOnlyList<string> Values { get; } = values;
}

/// <summary>The values that a number may have.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AllowedNumbersAttribute(params long[] values) : Attribute
{
    public IReadOnlyList<long> Values { get; } = values;
}

/// <summary>Items are told apart by this field, which is unique in the list; server-side apply merges by it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ListMapKeyAttribute(string key) : Attribute
{
    public string Key { get; } = key;
}

/// <summary>A CEL rule that the API server checks.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Class, AllowMultiple = true)]
public sealed class ValidationRuleAttribute(string rule, string message) : Attribute
{
    public string Rule { get; } = rule;

    public string Message { get; } = message;

    /// <summary>Where the API server reports a breach, from the rule's own place, such as <c>.port</c>.</summary>
    public string? FieldPath { get; init; }
}
