using FluentValidation;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>Resources as a container may have them: the API server would refuse the Deployment, long after it took the fleet.</summary>
internal sealed class ResourcesRules : AbstractValidator<ResourcesSpec>
{
    private const string HugePages = "hugepages-";

    private static readonly Dictionary<string, IntOrString> None = [];

    public ResourcesRules() =>
        RuleFor(resources => resources)
            .Custom(
                (resources, context) =>
                {
                    var (requests, limits) = (resources.Requests ?? None, resources.Limits ?? None);
                    foreach (var (property, list) in new[] { (nameof(resources.Requests), requests), (nameof(resources.Limits), limits) })
                    {
                        foreach (var (name, value) in list)
                        {
                            CheckResource($"{property}[{name}]", name, value, context);
                        }
                    }

                    foreach (var (name, request) in requests)
                    {
                        CheckRequest($"{nameof(resources.Requests)}[{name}]", name, request, limits, context);
                    }
                }
            );

    private static void CheckResource(string path, string name, IntOrString value, ValidationContext<ResourcesSpec> context)
    {
        var standard = name is "cpu" or "memory" or "ephemeral-storage";
        var pages = name.StartsWith(HugePages, StringComparison.Ordinal);
        if (!standard && !(pages && Quantity.IsValid(name[HugePages.Length..])) && !IsNative(name) && !IsExtended(name))
        {
            context.AddFailure(path, "must be cpu, memory, ephemeral-storage, hugepages-2Mi and the like, or one such as example.com/gpu");
        }
        else if (Quantity.IsValid(value.ToString()) && Quantity.Compare(value.ToString(), "0") < 0)
        {
            context.AddFailure(path, "must be 0 or more");
        }
        else if (IsExtended(name) && Quantity.IsWhole(value.ToString()) == false)
        {
            context.AddFailure(path, "must be a whole number");
        }
    }

    private static void CheckRequest(
        string path,
        string name,
        IntOrString request,
        IReadOnlyDictionary<string, IntOrString> limits,
        ValidationContext<ResourcesSpec> context
    )
    {
        var known = limits.TryGetValue(name, out var limit);
        if (name is not ("cpu" or "memory" or "ephemeral-storage") && !IsNative(name))
        {
            // Nobody gets more than it asks for.
            if (!known || Quantity.Compare(request.ToString(), limit.ToString()) != 0)
            {
                context.AddFailure(path, "must have a limit, and the same");
            }
        }
        else if (known && Quantity.Compare(request.ToString(), limit.ToString()) > 0)
        {
            context.AddFailure(path, $"{request} is above the limit of {limit}");
        }
    }

    /// <summary>Kubernetes' own, such as <c>feature.node.kubernetes.io/sgx</c>: the rules of extended ones are not for these.</summary>
    private static bool IsNative(string name) =>
        name.Contains("kubernetes.io/", StringComparison.Ordinal) && PodTemplateRules.IsQualifiedName(name);

    private static bool IsExtended(string name) =>
        name.Contains('/', StringComparison.Ordinal)
        && !IsNative(name)
        && !name.StartsWith("requests.", StringComparison.Ordinal)
        && PodTemplateRules.IsQualifiedName(name);
}
