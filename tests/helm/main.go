// What the API server would say to the objects of a manifest: its own strict decoder, defaults, validation and Pod
// Security "restricted"; and for other kinds the schemas of their CustomResourceDefinitions.
//
// usage: validate CRD.yaml... < manifest.yaml
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

const namespace = "vigil"

// strategies are the kinds that the chart may make; another one is an error, not a pass.
var strategies = map[string]rest.RESTCreateStrategy{
	"ConfigMap":               configmap.Strategy,
	"CronJob":                 cronjob.Strategy,
	"Deployment":              deployment.Strategy,
	"HorizontalPodAutoscaler": horizontalpodautoscaler.Strategy,
	"Job":                     job.Strategy,
	"NetworkPolicy":           networkpolicy.Strategy,
	"PodDisruptionBudget":     poddisruptionbudget.Strategy,
	"Service":                 service.Strategy,
	"ServiceAccount":          serviceaccount.Strategy,
}

func main() {
	definitions := map[string]*apiextensions.JSONSchemaProps{}
	for _, path := range os.Args[1:] {
		if err := define(definitions, path); err != nil {
			fail(fmt.Errorf("%s: %w", path, err))
		}
	}
	level := &api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		fail(err)
	}
	documents := utilyaml.NewDocumentDecoder(os.Stdin)
	defer documents.Close()
	number, wrong := 0, 0
	for {
		document, err := next(documents)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fail(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			fail(err)
		}
		if len(object.Object) == 0 {
			continue
		}
		number++
		problems := check(definitions, evaluator, level, object, document)
		for _, problem := range problems {
			fmt.Printf("%s %s: %v\n", object.GetKind(), object.GetName(), problem)
		}
		wrong += len(problems)
	}
	fmt.Printf("%d objects, %d problems\n", number, wrong)
	if wrong > 0 || number == 0 {
		os.Exit(1)
	}
}

// next is the next document whole, however long.
func next(documents io.ReadCloser) ([]byte, error) {
	var whole bytes.Buffer
	part := make([]byte, 1<<20)
	for {
		n, err := documents.Read(part)
		whole.Write(part[:n])
		if errors.Is(err, io.ErrShortBuffer) {
			continue
		}
		return whole.Bytes(), err
	}
}

func check(
	definitions map[string]*apiextensions.JSONSchemaProps,
	evaluator policy.Evaluator,
	level *api.LevelVersion,
	object *unstructured.Unstructured,
	document []byte,
) []error {
	if definition, ok := definitions[object.GroupVersionKind().String()]; ok {
		return custom(definition, object)
	}
	strategy, ok := strategies[object.GetKind()]
	if !ok {
		return []error{errors.New("nobody here knows this kind")}
	}
	return append(builtIn(strategy, document), restricted(evaluator, level, object)...)
}

// builtIn is what a POST to the API server would answer.
func builtIn(strategy rest.RESTCreateStrategy, document []byte) []error {
	codecs := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	decoded, _, err := codecs.UniversalDecoder().Decode(document, nil, nil)
	if err != nil {
		return []error{err}
	}
	meta, err := apimeta.Accessor(decoded)
	if err != nil {
		return []error{err}
	}
	rest.FillObjectMetaSystemFields(meta)
	if headless, ok := decoded.(*core.Service); ok && headless.Spec.ClusterIP == core.ClusterIPNone {
		headless.Spec.ClusterIPs = []string{core.ClusterIPNone} // the allocator would, behind the strategy
	}
	ctx := request.WithNamespace(context.Background(), namespace)
	if err := rest.BeforeCreate(strategy, ctx, decoded); err != nil {
		return []error{err}
	}
	return nil
}

// restricted holds the pods of a workload against Pod Security's strictest level.
func restricted(evaluator policy.Evaluator, level *api.LevelVersion, object *unstructured.Unstructured) []error {
	path := map[string][]string{
		"CronJob":    {"spec", "jobTemplate", "spec", "template"},
		"Deployment": {"spec", "template"},
		"Job":        {"spec", "template"},
	}[object.GetKind()]
	if path == nil {
		return nil
	}
	raw, found, err := unstructured.NestedMap(object.Object, path...)
	if err != nil || !found {
		return []error{fmt.Errorf("no pods at %v: %w", path, err)}
	}
	template := &corev1.PodTemplateSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, template); err != nil {
		return []error{err}
	}
	var problems []error
	for _, result := range evaluator.EvaluatePod(*level, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			problems = append(problems, fmt.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail))
		}
	}
	return problems
}

func define(definitions map[string]*apiextensions.JSONSchemaProps, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(text, definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		internal := &apiextensions.JSONSchemaProps{}
		err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			version.Schema.OpenAPIV3Schema, internal, nil)
		if err != nil {
			return err
		}
		kind := definition.Spec.Names.Kind
		definitions[fmt.Sprintf("%s/%s, Kind=%s", definition.Spec.Group, version.Name, kind)] = internal
	}
	return nil
}

// custom is what the API server's schema of a CustomResourceDefinition refuses, and what it would drop in silence.
func custom(definition *apiextensions.JSONSchemaProps, object *unstructured.Unstructured) []error {
	validator, _, err := validation.NewSchemaValidator(definition)
	if err != nil {
		return []error{err}
	}
	structural, err := schema.NewStructural(definition)
	if err != nil {
		return []error{err}
	}
	var problems []error
	for _, problem := range validation.ValidateCustomResource(field.NewPath(""), object.Object, validator) {
		problems = append(problems, problem)
	}
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object.DeepCopy().Object, structural, true, options) {
		problems = append(problems, fmt.Errorf("unknown field %s", path))
	}
	return problems
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
